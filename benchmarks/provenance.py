"""The footer of a table of finished runs: hardware and versions, dates, and the command to repeat it."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from jaxletters.runs import manifest, workdir

_NAMED = ("python", "jaxlib", "flax", "optax")


class Made(NamedTuple):
    """The hardware and versions of a run, such as "2 CPU cores, python 3.12.1, ...", and its ISO date."""

    stack: str
    day: str


def of(folder: Path) -> Made:
    """Returns the provenance of a finished run; a fold or stage has that of the run it belongs to."""
    environment = manifest.load(workdir.enclosing_run(folder)).environment
    versions = (f"{name} {environment['versions'][name]}" for name in _NAMED)
    finished = date.fromtimestamp((folder / workdir.RESULT).stat().st_mtime)
    return Made(", ".join([f"{environment['cpus']} CPU cores", *versions]), str(finished))


def foot(made: Iterable[Made], command: str) -> str:
    """Returns the end of the footer for any number of runs."""
    stacks, days = map(set, zip(*made, strict=True))
    period = dict.fromkeys((min(days), max(days)))
    return f"{' or '.join(sorted(stacks))}, {' to '.join(period)}; `{command}`"

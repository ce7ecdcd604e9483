"""What a table of finished runs says at its foot: what they ran on, when, and how to repeat it."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from jaxletters.runs import manifest, workdir

_NAMED = ("python", "jaxlib", "flax", "optax")


class Made(NamedTuple):
    """What a run ran on, such as "2 CPU cores, python 3.12.1, ...", and when it was finished, year first."""

    stack: str
    day: str


def of(folder: Path) -> Made:
    """Returns where and when a finished run was made; part of another may have been recorded with that."""
    environment = manifest.read(workdir.enclosing_run(folder)).environment
    versions = (f"{name} {environment['versions'][name]}" for name in _NAMED)
    finished = date.fromtimestamp((folder / workdir.RESULT).stat().st_mtime)
    return Made(", ".join([f"{environment['cpus']} CPU cores", *versions]), str(finished))


def foot(made: Iterable[Made], command: str) -> str:
    """Returns the end of a table's foot, for any number of runs."""
    stacks, days = map(set, zip(*made, strict=True))
    period = dict.fromkeys((min(days), max(days)))
    return f"{' or '.join(sorted(stacks))}, {' to '.join(period)}; `{command}`"

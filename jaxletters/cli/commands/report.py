"""Compare finished runs on a page: a table, their accuracies with intervals, their learning curves."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.cli import command_line
from jaxletters.core.errors import UserError
from jaxletters.runtime import console
from jaxletters.runtime.files import load_json

if TYPE_CHECKING:
    from jaxletters.runs.manifest import Manifest

HELP = "compare finished runs on a page"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "runs", nargs="+", type=command_line.path, metavar="RUN", help="finished run folders"
    )
    parser.add_argument(
        "--to",
        type=command_line.path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="where the page is written (./%(default)s)",
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Writes the page.

    Raises:
        UserError: a folder holds no finished run, or the page cannot be written.
    """
    command_line.nothing_more(words)
    from jaxletters.report import comparison, reports
    from jaxletters.runs import journal, manifest, workdir

    target = known.to.absolute()
    _check_target(target)
    rows, histories = [], {}
    manifests: list[Manifest] = []
    for name, folder in zip(_names(known.runs), known.runs, strict=True):
        result = workdir.require_result(folder)
        manifests.append(manifest.read(folder))
        manifest.check_config(folder, manifests[-1], load_json(folder / "config.json"))
        page = os.path.relpath(folder.absolute() / "report" / "index.html", target)
        rows.extend(comparison.rows(name, page, result))
        if history := journal.load(folder):
            histories[name] = history
    compared = reports.Comparison(
        title=target.name,
        remark="Accuracy on the test examples of each run; a difference that is smaller than the intervals "
        f"may be chance.{manifest.warning(manifests)}",
        rows=rows,
        baseline=None,
        sheets={},
        histories=histories,
        result={},
    )
    reports.write(target, reports.of_several(compared))
    console.notice(str(target / "index.html"))


def _check_target(target: Path) -> None:
    """Raises a UserError if there is something else than an earlier comparison."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    earlier = target / "result.json"
    found = load_json(earlier) if earlier.exists() else None
    # A sweep's page, too, has rows, but says what kind of experiment it is of.
    if not (isinstance(found, dict) and "rows" in found and "experiment" not in found):
        raise UserError(
            f"{target}: expected an earlier comparison, an empty folder or none, found other files; choose "
            "another with --to"
        )


def _names(folders: Sequence[Path]) -> list[str]:
    """Returns what to call runs: their folders' names, or more of their paths where two have one name."""
    paths = [folder.absolute() for folder in folders]
    if len({path.name for path in paths}) == len(set(paths)):
        return [path.name for path in paths]
    return [os.path.relpath(path, os.path.commonpath(paths)) for path in paths]

"""Compare finished runs on a page: a table, their accuracies with intervals, their learning curves."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from jaxletters import commandline, console
from jaxletters.errors import UserError

HELP = "compare finished runs on a page"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="finished run folders")
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("comparison"),
        metavar="FOLDER",
        help="where the page is written (./%(default)s)",
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Writes the page.

    Raises:
        UserError: a folder holds no finished run, or the page cannot be written.
    """
    commandline.nothing_more(words)
    from jaxletters import journal, report, workdir
    from jaxletters.report import comparison

    target = known.to.absolute()
    rows, histories = [], {}
    for name, folder in zip(_names(known.runs), known.runs, strict=True):
        result = workdir.result(folder)
        if result is None:
            raise UserError(
                f"{folder}: expected a finished run, found none; see jaxletters runs {folder.parent}"
            )
        page = os.path.relpath(folder.absolute() / "report" / "index.html", target)
        rows.extend(comparison.rows(name, page, result))
        if history := journal.read(folder):
            histories[name] = history
    compared = report.Comparison(
        title=target.name,
        remark="Accuracy on the test examples of each run; a difference that is smaller than the intervals "
        "may be chance.",
        rows=rows,
        baseline=None,
        sheets={},
        histories=histories,
        result={},
    )
    report.write(target, report.of_several(compared))
    console.notice(str(target / "index.html"))


def _names(folders: Sequence[Path]) -> list[str]:
    """Returns what to call runs: their folders' names, or more of their paths where two have one name."""
    paths = [folder.absolute() for folder in folders]
    if len({path.name for path in paths}) == len(set(paths)):
        return [path.name for path in paths]
    return [os.path.relpath(path, os.path.commonpath(paths)) for path in paths]

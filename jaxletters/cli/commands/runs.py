"""List the runs in a folder: how far they are, and what came of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxletters.cli import command_line
from jaxletters.report import comparison
from jaxletters.runs import listing
from jaxletters.runs.listing import Run
from jaxletters.runtime import console

HELP = "list runs, how far they are and what came of them"
_HEADING = ("run", "state", *("data", "epochs", "training", "validation", "test"), "95%, or folds")
_SHOWN = ("data", "epochs", "training", "validation", "test", "95% interval, or folds")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=command_line.path,
        default=Path("checkpoints"),
        metavar="FOLDER",
        help="where the run folders lie (%(default)s)",
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Prints a table of the runs in a folder.

    Raises:
        UserError: there is no such folder, or a file in it cannot be read.
    """
    command_line.nothing_more(words)
    found = listing.find(known.folder)
    if not found:
        console.notice(f"No runs in {known.folder.absolute()}")
        return
    console.print_table(_HEADING, [_row(run) for run in found], left=3)


def _row(run: Run) -> tuple[str, ...]:
    if run.result is None or "rows" in run.result:
        count = f"{len(run.result['rows'])} experiments" if run.result else ""
        return run.folder.name, run.state, run.dataset or count, *[""] * 5
    cells = comparison.cells(comparison.Row(run.folder.name, "", run.result))
    values = dict(zip(comparison.HEADING, cells, strict=True))
    return run.folder.name, run.state, *(values[name] for name in _SHOWN)

"""List the runs in a folder with their progress and results."""

import argparse
from pathlib import Path

from jaxletters.report import comparison
from jaxletters.runs import listing
from jaxletters.runs.listing import Run
from jaxletters.runtime import console, files

HELP = "list runs with their progress and results"
_HEADING = ("run", "state", *("data", "epochs", "training", "validation", "test"), "95%, or folds")
_COLUMNS = ("data", "epochs", "training", "validation", "test", "95% interval, or folds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=files.expand_user,
        default=Path("checkpoints"),
        metavar="FOLDER",
        help="the folder of the run folders (%(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Prints a table of the runs in a folder.

    Raises:
        UserError: the folder does not exist, or a file in it cannot be read.
    """
    runs = listing.list_runs(args.folder)
    if not runs:
        console.notice(f"No runs in {args.folder.absolute()}")
        return
    console.print_table(_HEADING, [_row(run) for run in runs], left=3)


def _row(run: Run) -> tuple[str, ...]:
    if run.result is None or "rows" in run.result:
        count = f"{len(run.result['rows'])} experiments" if run.result else ""
        return run.folder.name, run.state, run.dataset or count, *[""] * 5
    cells = comparison.cells(comparison.Row(run.folder.name, "", run.result))
    values = dict(zip(comparison.HEADING, cells, strict=True))
    return run.folder.name, run.state, *(values[column] for column in _COLUMNS)

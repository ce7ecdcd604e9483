"""Compare finished runs on a page: a table, accuracies with intervals, learning curves."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from jaxletters.report.comparison import Row
    from jaxletters.runs.manifest import Manifest

HELP = "compare finished runs on a page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "runs", nargs="+", type=files.expand_user, metavar="RUN", help="finished run folders"
    )
    parser.add_argument(
        "--to",
        type=files.expand_user,
        default=Path("comparison"),
        metavar="FOLDER",
        help="where the page is written (./%(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Writes the page.

    Raises:
        UserError: a run is not finished, or the page cannot be written.
    """
    from jaxletters.report import comparison, paired, reports
    from jaxletters.runs import consistency, journal, manifest, workdir

    target = args.to.absolute()
    _check_target(target)
    rows: list[Row] = []
    histories: dict[str, list[journal.Record]] = {}
    manifests: list[Manifest] = []
    tests: list[paired.Tested | None] = []
    folders: list[Path] = args.runs
    for name, folder in zip(_names(folders), folders, strict=True):
        result = workdir.require_result(folder)
        manifests.append(manifest.load(folder))
        consistency.check_config(folder, manifests[-1], files.load_json(folder / "config.json"))
        page = os.path.relpath(folder.absolute() / "report" / "index.html", target)
        rows.extend(comparison.rows(name, page, result))
        tested = comparison.ensemble_name(name) if "spread" in result else name
        tests.append(paired.load(tested, folder, manifests[-1].data))
        if history := journal.load(folder):
            histories[name] = history
    pairs = paired.with_first(tests)
    compared = reports.Comparison(
        title=target.name,
        remark="Accuracy on the test examples of each run; a difference that is smaller than the intervals "
        f"may be chance.{comparison.data_warning(manifests)}",
        rows=rows,
        baseline=None,
        sheets={},
        histories=histories,
        result={"pairs": pairs},
        pairs=pairs,
    )
    reports.write(target, reports.of_several(compared))
    console.notice(str(target / "index.html"))
    if pairs:
        console.print_table(paired.HEADING, [paired.cells(pair) for pair in pairs], left=1)


def _check_target(target: Path) -> None:
    """Raises a UserError unless the folder is new or empty, or holds an earlier comparison."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    file = target / "result.json"
    result = files.load_json(file) if file.exists() else None
    # The page of a sweep has rows, too, and an experiment.
    if not (isinstance(result, dict) and "rows" in result and "experiment" not in result):
        raise UserError(
            f"{target}: expected an earlier comparison, an empty folder or none, found other files; choose "
            "another with --to"
        )


def _names(folders: Sequence[Path]) -> list[str]:
    """Returns the names of the folders, with more of their paths where two have the same name."""
    paths = [folder.absolute() for folder in folders]
    if len({path.name for path in paths}) == len(set(paths)):
        return [path.name for path in paths]
    return [os.path.relpath(path, os.path.commonpath(paths)) for path in paths]

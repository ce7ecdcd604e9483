"""Compare finished runs on a page: a table, their accuracies with intervals, their learning curves."""

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxletters import commandline, console
from jaxletters.errors import UserError
from jaxletters.files import read_json

HELP = "compare finished runs on a page"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "runs", nargs="+", type=commandline.path, metavar="RUN", help="finished run folders"
    )
    parser.add_argument(
        "--to",
        type=commandline.path,
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
    from jaxletters import comparison, journal, manifest, report, workdir

    target = known.to.absolute()
    _check_target(target)
    rows, histories = [], {}
    tested: dict[str, set[str]] = {}
    for name, folder in zip(_names(known.runs), known.runs, strict=True):
        result = workdir.known_result(folder)
        about = manifest.read(folder)
        manifest.check_config(folder, about, read_json(folder / "config.json"))
        if about.data is not None:
            tested.setdefault(about.data["dataset"], set()).add(_tested(about.data))
        page = os.path.relpath(folder.absolute() / "report" / "index.html", target)
        rows.extend(comparison.rows(name, page, result))
        if history := journal.read(folder):
            histories[name] = history
    compared = report.Comparison(
        title=target.name,
        remark="Accuracy on the test examples of each run; a difference that is smaller than the intervals "
        f"may be chance.{_warning(tested)}",
        rows=rows,
        baseline=None,
        sheets={},
        histories=histories,
        result={},
    )
    report.write(target, report.of_several(compared))
    console.notice(str(target / "index.html"))


def _tested(data: dict[str, Any]) -> str:
    """Returns what identifies the images that a run was tested on, or was taken from to test."""
    splits = data["splits"]
    return splits.get("test", splits["train"])["images"]


def _warning(tested: Mapping[str, Collection[str]]) -> str:
    """Returns what to say where runs on a dataset of one name were not tested on the same images."""
    differing = [dataset for dataset, images in tested.items() if len(images) > 1]
    if not differing:
        return ""
    return (
        f" The runs on {' and '.join(differing)} were not all tested on the same images, so their "
        "accuracies cannot be compared."
    )


def _check_target(target: Path) -> None:
    """Raises a UserError if there is something else than an earlier comparison."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    earlier = target / "result.json"
    found = read_json(earlier) if earlier.exists() else None
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

"""List the training examples whose labels the networks of a cross-validation doubt most, and draw them."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxletters.evaluation.label_errors import Suspect
    from jaxletters.experiments.out_of_fold import OutOfFold

HELP = "list and draw training examples whose labels a cross-validation doubts"
_PAIRS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run", type=files.expand_user, metavar="RUN", help="the folder of a cross-validation"
    )
    parser.add_argument(
        "--to",
        type=files.expand_user,
        default=Path("suspects.csv"),
        metavar="FILE",
        help="the list to write (./%(default)s); the sheet is the PNG of that name",
    )


def run(args: argparse.Namespace) -> None:
    """Writes the list and the sheet; prints which classes are suggested for which.

    Raises:
        UserError: the run is no finished cross-validation, its data are gone, or a file cannot be written.
    """
    from jaxletters.evaluation import label_errors
    from jaxletters.experiments import out_of_fold
    from jaxletters.report import image_grids, style

    table: Path = args.to.absolute()
    if table.suffix.lower() != ".csv":
        raise UserError(f"--to: expected a file .csv, found {args.to}; rename it")
    found = out_of_fold.load(args.run)
    suspects = label_errors.suspects(found.examples.labels, found.logits)
    content, sheet = _table(found, suspects).encode(), table.with_suffix(".png")
    # The lines of a list may have been reviewed, and a picture without its list is not a sheet.
    if table.read_bytes() != content if table.exists() else sheet.exists():
        raise UserError(
            f"{args.to}: expected a new file or the same list, found another file in place of the list or of "
            "its sheet; remove it, or choose another with --to"
        )
    files.write_bytes(table, content)
    with style.style():
        picture = style.png(
            image_grids.suspects(found.examples, suspects), args.run.absolute().name
        )
    files.write_bytes(sheet, picture)
    rows = _pairs(found.examples.class_names, suspects)
    console.print_table(("label", "suggested", "examples"), rows, left=2)
    console.print_results(
        {
            "examples": f"{len(found.hashes):,}",
            "doubted labels": f"{len(suspects):,} ({len(suspects) / len(found.hashes):.2%})",
            "list": str(table),
            "sheet": f"{sheet} (the first {image_grids.SUSPECTS})",
            "next": "delete the lines of labels that are right, then train with "
            f"--config.split.leave_out={shlex.quote(str(args.to))}",
        }
    )


def _table(found: "OutOfFold", suspects: "Sequence[Suspect]") -> str:
    """Returns the list as CSV, the most doubtful label first."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    probabilities = ("label_probability", "suggested_probability")
    writer.writerow(("image", "label", "suggested", *probabilities, "index"))
    names = found.examples.class_names
    for one in suspects:
        writer.writerow(
            (
                f"{found.hashes[one.example]:#018x}",
                names[one.label],
                names[one.suggested],
                f"{one.label_probability:.3g}",
                f"{one.suggested_probability:.3g}",
                found.indices[one.example],
            )
        )
    return text.getvalue()


def _pairs(names: tuple[str, ...], suspects: "Sequence[Suspect]") -> list[tuple[str, ...]]:
    """Returns a row for each of the most frequent pairs of a label and a suggested class."""
    from collections import Counter

    counts = Counter((one.label, one.suggested) for one in suspects)
    return [
        (names[label], names[suggested], f"{count:,}")
        for (label, suggested), count in counts.most_common(_PAIRS)
    ]

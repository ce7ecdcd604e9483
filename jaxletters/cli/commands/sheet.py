"""Print a sheet to fill in with letters of your hand, and make a labelled folder of its photograph."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import console, files

HELP = "a sheet to fill in with letters of your hand, and their folder"
_SHEET, _FOLDER = Path("sheet.pdf"), Path("my_hand")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "--to",
        type=files.expand_user,
        metavar="PATH",
        help=f"the sheet to write, .pdf or .png ({_SHEET}); with --read the folder ({_FOLDER})",
    )
    parser.add_argument(
        "--read",
        nargs="+",
        type=files.expand_user,
        metavar="PHOTO",
        help="photographs of filled sheets: write their letters to a folder for each class",
    )


def run(args: argparse.Namespace) -> None:
    """Writes the sheet, or the letters of filled sheets.

    Raises:
        UserError: a file cannot be written, or a photograph does not show the sheet; this is raised after
            the other photographs are read.
    """
    if args.read:
        _read(args.read, (args.to or _FOLDER).absolute())
    else:
        _write(args.to or _SHEET)


def _write(path: Path) -> None:
    """Writes the empty sheet."""
    from jaxletters.reading import letter_sheet_page

    draw = {".pdf": letter_sheet_page.pdf, ".png": letter_sheet_page.png}.get(path.suffix.lower())
    if draw is None:
        raise UserError(
            f"--to: expected a file .pdf or .png, found {printable(str(path))!r}; rename it, or add --read "
            "PHOTO for a folder of letters"
        )
    files.write_bytes(path.absolute(), draw())
    console.print_results(
        {
            "sheet": str(path),
            "next": "print it at 100%, fill it in, photograph it",
            "then": f"jaxletters sheet --read PHOTO --to {_FOLDER}",
        }
    )


def _read(photographs: Sequence[Path], folder: Path) -> None:
    """Writes the letters in photographs of filled sheets to `folder/<class>/`."""
    import hashlib
    import io

    from PIL import Image

    from jaxletters.data import images
    from jaxletters.reading import letter_sheet, letter_sheet_photo

    total = letter_sheet.EXAMPLES * len(letter_sheet.LETTERS)
    problems: list[str] = []
    for path in photographs:
        try:
            picture = images.read(path)
            filled = letter_sheet_photo.read(picture, str(path))
        except UserError as error:
            problems.append(str(error))
            continue
        # Photographs of one name in two folders differ by their content; the same one is read again in place.
        name = hashlib.sha256(picture.tobytes()).hexdigest()[:12]
        for (letter, image), box in zip(filled.letters, filled.boxes, strict=True):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            number = box % letter_sheet.EXAMPLES + 1
            files.write_bytes(folder / letter / f"{name}_{number}.png", file.getvalue())
        console.notice(
            f"{path}: {len(filled.letters)} letters in {folder}, {total - len(filled.letters)} empty boxes"
        )
    if problems:
        raise UserError("\n".join(problems))

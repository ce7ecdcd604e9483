"""Read letters in photographs and scans: one letter, or several in a row, dark on light or light on dark."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from jaxletters.reading.recognition import Reading, ReadingJson

HELP = "read letters in photographs and scans"
_GUESSES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run",
        type=files.expand_user,
        metavar="RUN",
        help="a finished run folder, or an exported bundle",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=files.expand_user,
        metavar="IMAGE",
        help="PNG, JPEG or other pictures, or folders of them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--show",
        action="store_true",
        help="write the letters found, and the network's input for each, to ./<IMAGE>_read.png",
    )


def run(args: argparse.Namespace) -> None:
    """Prints the text in each picture.

    Raises:
        UserError: the network or a picture cannot be read, or a picture has no text. It is raised after the
            other pictures are read.
    """
    from jaxletters.runtime import xla

    xla.configure()
    from jaxletters.data import images
    from jaxletters.reading import annotation, loader, recognition

    paths: list[Path] = []
    for path in args.images:
        paths.extend(images.in_folder(path) if path.is_dir() else [path])
    if args.show:
        _check_targets(paths)
    classifier = loader.load(args.run)
    problems: list[str] = []
    readings: list[ReadingJson] = []
    for path in paths:
        try:
            picture = images.read(path)
            reading = recognition.read(classifier, picture, str(path))
        except UserError as error:
            problems.append(str(error))
            continue
        readings.append(reading.as_dict())
        if not args.json:
            _print(reading)
        if args.show:
            target = _target(path).absolute()
            files.write_bytes(target, annotation.annotate(picture, reading))
            if not args.json:
                console.notice(str(target))
    if args.json:
        # ASCII, because the escapes of the console are not those of JSON.
        console.notice(files.to_json(readings, indent=2, ascii_only=True))
    if problems:
        raise UserError("\n".join(problems))


def _target(picture: Path) -> Path:
    return Path(f"{picture.stem}_read.png")


def _check_targets(pictures: Sequence[Path]) -> None:
    """Raises a UserError if a file to write has the name of a picture, or two of them have one name."""
    picture_by_target: dict[Path, Path] = {}
    resolved = {picture.resolve() for picture in pictures}
    for picture in pictures:
        target = _target(picture)
        if target.resolve() in resolved:
            raise UserError(
                f"--show: expected to write {target}, found it among the pictures to read; leave it out"
            )
        first = picture_by_target.setdefault(target, picture)
        if first != picture:
            raise UserError(
                f"--show: expected pictures of different names, found {first} and {picture}, which both "
                f"become {target}; show one of them at a time"
            )


def _print(reading: "Reading") -> None:
    rows: list[tuple[str, ...]] = []
    for i, guesses in enumerate(reading.predictions.best(_GUESSES), 1):
        (letter, probability), *others = guesses
        alternatives = "  ".join(f"{name} {p:.1%}" for name, p in others)
        rows.append((str(i), letter, f"{probability:.1%}", alternatives))
    console.print_results({reading.name: reading.text})
    console.print_table(("", "read", "probability", "or else"), rows, left=2)

"""Read letters in photographs and scans: one letter, or several in a row, dark on light or light on dark."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.cli import command_line
from jaxletters.core.errors import UserError
from jaxletters.runtime import console

if TYPE_CHECKING:
    from jaxletters.reading.recognition import Reading

HELP = "read letters in photographs and scans"
_GUESSES = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run",
        type=command_line.path,
        metavar="RUN",
        help="a finished run folder, or an exported bundle",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=command_line.path,
        metavar="IMAGE",
        help="PNG, JPEG or other pictures, or folders of them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--show",
        action="store_true",
        help="write what was found, and what the network saw of it, to ./<IMAGE>_read.png",
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Prints what is written in each picture.

    Raises:
        UserError: the network or a picture cannot be read, or nothing is written in it; what can be read is.
    """
    command_line.nothing_more(words)
    from jaxletters.runtime import xla

    xla.configure()
    from jaxletters.data import images
    from jaxletters.reading import annotation, loader, recognition
    from jaxletters.runtime import files

    named = [
        file
        for path in known.images
        for file in (images.in_folder(path) if path.is_dir() else [path])
    ]
    if known.show:
        _check_targets(named)
    classifier = loader.load(known.run)
    problems, readings = [], []
    for file in named:
        try:
            picture = images.read(file)
            found = recognition.read(classifier, picture, str(file))
        except UserError as error:
            problems.append(str(error))
            continue
        readings.append(found.as_dict())
        if not known.json:
            _print(found)
        if known.show:
            target = _target(file).absolute()
            files.write_bytes(target, annotation.annotate(picture, found))
            if not known.json:
                console.notice(str(target))
    if known.json:
        # What standard output cannot encode would be escaped, but not as JSON escapes it.
        console.notice(files.to_json(readings, indent=2, ascii_only=True))
    if problems:
        raise UserError("\n".join(problems))


def _target(picture: Path) -> Path:
    return Path(f"{picture.stem}_read.png")


def _check_targets(pictures: Sequence[Path]) -> None:
    """Raises a UserError if what is shown of one picture would be written over another's, or over it."""
    by_target: dict[Path, Path] = {}
    given = {picture.resolve() for picture in pictures}
    for picture in pictures:
        if _target(picture).resolve() in given:
            raise UserError(
                f"--show: expected to write {_target(picture)}, found that among the pictures to read; leave "
                "it out"
            )
        other = by_target.setdefault(_target(picture), picture)
        if other != picture:
            raise UserError(
                f"--show: expected pictures of different names, found {other} and {picture}, which both "
                f"become {_target(picture)}; show one of them at a time"
            )


def _print(found: "Reading") -> None:
    rows = []
    for i, guesses in enumerate(found.predictions.best(_GUESSES), 1):
        (letter, share), *others = guesses
        rows.append((str(i), letter, f"{share:.1%}", "  ".join(f"{n} {p:.1%}" for n, p in others)))
    console.print_results({found.name: found.text})
    console.print_table(("", "read", "probability", "or else"), rows, left=2)

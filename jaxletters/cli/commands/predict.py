"""Read handwriting in photographs and scans: a letter, words or a page, dark on light or light on dark.

Without a run, the network that comes with jaxletters reads them.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from jaxletters.reading.classifier import Classifier
    from jaxletters.reading.recognition import ReadingJson

HELP = "read handwriting in photographs and scans"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=files.expand_user,
        metavar="[RUN] PICTURE",
        help="PNG, JPEG, TIFF or other pictures, or folders of them; before them, if wanted, the folder of "
        "a finished run or an exported bundle",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--show",
        action="store_true",
        help="write what was found, and the network's input for each character, to ./<PICTURE>_read.png",
    )
    parser.add_argument(
        "--coverage",
        type=float,
        metavar="SHARE",
        help="how often the right letter is among those listed for a character (0.95)",
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
    from jaxletters.reading import loader

    folder, named = _split(args.paths)
    paths: list[Path] = []
    for path in named:
        paths.extend(images.in_folder(path) if path.is_dir() else [path])
    if args.show:
        _check_targets(paths)
    classifier = loader.load(folder) if folder else loader.pretrained()
    if args.coverage is not None:
        _check_coverage(args.coverage, classifier)
    _read_all(classifier, paths, args)


def _split(paths: Sequence[Path]) -> tuple[Path | None, Sequence[Path]]:
    """Returns the folder of the run or bundle, if one is named, and the pictures."""
    first, *others = paths
    if not _is_network(first):
        return None, paths
    if not others:
        raise UserError(
            f"{first}: expected also a picture to read, found only a run; name pictures"
        )
    return first, others


def _is_network(path: Path) -> bool:
    """Returns whether a path is or seems to be a run or bundle, such as a folder without pictures."""
    from jaxletters.data import images
    from jaxletters.reading import bundle

    if path.is_dir():
        if (path / "config.json").is_file() or bundle.holds_bundle(path):
            return True
        try:
            return not any(file.suffix.lower() in images.SUFFIXES for file in path.iterdir())
        except OSError:
            return False  # reading the folder reports why
    return not path.exists() and not path.suffix


def _check_coverage(coverage: float, classifier: "Classifier") -> None:
    if classifier.calibration is None:
        raise UserError(
            f"--coverage: expected a calibrated network, found {classifier.name} without a calibration; "
            "leave it out"
        )
    lowest, *_, highest = classifier.calibration.coverages
    if not lowest <= coverage <= highest:  # also true for NaN
        raise UserError(
            f"--coverage: expected a number from {lowest} to {highest}, such as 0.95, found {coverage}; "
            "choose another"
        )


class _Picture(NamedTuple):
    """A picture file, or a page of one."""

    name: str
    pixels: NDArray[np.uint8]
    target: Path  # what --show writes


def _read_all(classifier: "Classifier", paths: Sequence[Path], args: argparse.Namespace) -> None:
    """Reads pictures and prints and shows the readings; raises a UserError of all problems at the end."""
    from jaxletters.cli import reading_text
    from jaxletters.reading import annotation, recognition

    coverage = recognition.COVERAGE if args.coverage is None else args.coverage
    problems: list[str] = []
    readings: list[ReadingJson] = []
    for picture in _pictures(paths, problems):
        try:
            reading = recognition.read(classifier, picture.pixels, picture.name, coverage)
        except UserError as error:
            problems.append(str(error))
            continue
        readings.append(reading.as_dict())
        if not args.json:
            reading_text.print_reading(reading)
        if args.show:
            files.write_bytes(picture.target, annotation.annotate(picture.pixels, reading))
            if not args.json:
                console.notice(str(picture.target))
    if args.json:
        # ASCII, because the escapes of the console are not those of JSON.
        console.notice(files.to_json(readings, indent=2, ascii_only=True))
    elif readings:
        reading_text.print_notes(classifier, coverage)
    if problems:
        raise UserError("\n".join(problems))


def _pictures(paths: Sequence[Path], problems: list[str]) -> Iterator[_Picture]:
    """Yields the pictures in files, and adds to `problems` what cannot be read."""
    from jaxletters.data import images

    for path in paths:
        try:
            for i, (name, pixels) in enumerate(images.pages(path), 1):
                target = _target(path) if name == str(path) else _page_target(path, i)
                yield _Picture(name, pixels, target.absolute())
        except UserError as error:
            problems.append(str(error))


def _target(picture: Path) -> Path:
    return Path(f"{picture.stem}_read.png")


def _page_target(picture: Path, number: int) -> Path:
    return Path(f"{picture.name}_{number}_read.png")


def _check_targets(pictures: Sequence[Path]) -> None:
    """Raises a UserError if a file to write has the name of a picture, or two of them have one name."""
    picture_by_target: dict[Path, Path] = {}
    resolved = {picture.resolve() for picture in pictures}
    _check_page_targets(pictures, resolved)
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


def _check_page_targets(pictures: Sequence[Path], resolved: set[Path]) -> None:
    """The same check for the pages of pictures, each of which may have any number of them."""
    by_name = {picture.name: picture for picture in pictures}
    here = Path().resolve()
    taken = {path.name: path for path in resolved if path.parent == here}
    taken |= {_target(picture).name: picture for picture in pictures}
    for name, other in taken.items():
        page = re.fullmatch(r"(.+)_[1-9]\d*_read\.png", name)
        if page and page[1] in by_name:
            raise UserError(
                f"--show: expected names that no page of {by_name[page[1]]} gets, found {other}, which "
                f"leads to {name}, too; show one of them at a time"
            )

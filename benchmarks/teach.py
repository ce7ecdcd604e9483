"""What `jaxletters teach` does to errors on a hand, and to those on EMNIST.

    python benchmarks/teach.py

For some writers with a distinctive style (`hands`), the reader that ships is taught five letters a class of
their hand, and reads others of it before and after, and the test split of EMNIST Letters. It writes
benchmarks/results/teach.md.
"""

import argparse
import os
import string
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import hands
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxletters.config.builtin_sources import Emnist
from jaxletters.core.types import Dataset
from jaxletters.data import datasets
from jaxletters.reading import loader, teaching
from jaxletters.reading.classifier import Classifier
from jaxletters.runtime import xla

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "teach.md"
TAUGHT, TESTED = 5, 40
HEADING = (
    "| writer | errors before | after | relative | errors on EMNIST before | after | seconds |",
    "|---|---|---|---|---|---|---|",
)


class Row(NamedTuple):
    """The outcome for a writer; shares of errors in [0, 1]."""

    writer: int
    before: float
    after: float
    emnist_before: float
    emnist_after: float
    seconds: float


def letters(
    writer: int, per_class: int, stream: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns letters of a writer and their labels in EMNIST Letters; streams have different letters."""
    hand, rng = hands.Writer(writer), np.random.default_rng((writer, stream))
    labels = np.repeat(np.arange(26), per_class)
    return np.stack([hand.draw(int(label), rng) for label in labels]), labels + 1


def write_folder(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    """Writes letters to a folder for each class, as `jaxletters sheet --read` does."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        file = folder / string.ascii_uppercase[label - 1] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)


def errors(classifier: Classifier, images: NDArray[np.uint8], labels: np.ndarray) -> float:
    """Returns the share of letters that are read wrong."""
    return float((classifier.predict(images).labels != labels).mean())


def measure(reader: Path, writer: int, emnist: Dataset, emnist_before: float) -> Row:
    """Teaches a writer's hand and returns the outcome."""
    test = letters(writer, TESTED, 1)
    with tempfile.TemporaryDirectory() as work:
        write_folder(Path(work, "letters"), *letters(writer, TAUGHT, 0))
        taught = teaching.teach(reader, Path(work, "letters"), Path(work, "my_hand"))
        after = loader.load(taught.folder)
        return Row(
            writer,
            errors(loader.load(reader), *test),
            errors(after, *test),
            emnist_before,
            errors(after, emnist.images, emnist.labels),
            taught.seconds,
        )


def table(rows: list[Row]) -> list[str]:
    """Returns the rows and their mean as a table."""
    mean = Row(*np.mean(rows, axis=0).tolist())
    return [
        *HEADING,
        *(
            f"| {name} | {row.before:.2%} | {row.after:.2%} | {row.after / max(row.before, 1e-9):.2f} "
            f"| {row.emnist_before:.2%} | {row.emnist_after:.2%} | {row.seconds:.0f} |"
            for name, row in [*((str(row.writer), row) for row in rows), ("mean", mean)]
        ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reader", type=Path, nargs="?", default=loader.PRETRAINED)
    parser.add_argument("--writers", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    xla.configure()
    emnist = datasets.load(Emnist(), "test")
    reader = loader.load(arguments.reader)
    before = errors(reader, emnist.images, emnist.labels)
    rows = [measure(arguments.reader, writer, emnist, before) for writer in arguments.writers]
    lines = [
        f"Errors on {26 * TESTED:,} letters of a hand before and after it was taught with {TAUGHT} others a "
        "letter, of which every fifth is held out, and on EMNIST Letters' test split.",
        "",
        *table(rows),
        "",
        f"Writers drawn by code, {reader.name}, {len(os.sched_getaffinity(0))} CPU cores, jaxlib "
        f"{version('jaxlib')}, {date.today()}; `python benchmarks/teach.py`.",
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

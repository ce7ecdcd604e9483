"""Coverage of a run's conformal sets: asked and measured, on its test split and on letters of another source.

    python benchmarks/coverage.py checkpoints/emnist_reader

The run is a handwriting network with validation examples, which its calibration comes from. The other letters
are those of Binary AlphaDigits, resized as in configs/alphadigits_letternet_zero_shot.py: with the
calibration of the run, and with one from half of them, measured on the other half. With --photographs, also
the pictures of one letter in a folder with a readings.tsv. It writes benchmarks/results/coverage.md.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import provenance

import jaxletters as jl
from jaxletters.core.errors import UserError
from jaxletters.data import images, selection, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation import analysis, conformal
from jaxletters.evaluation.conformal import Calibration
from jaxletters.reading import loader, recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.runtime import xla

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "coverage.md"
ASKED = (0.8, 0.9, 0.95, 0.99)
HEADING = (
    *("letters", "calibrated on", "examples", "asked", "by thresholds", "95% interval"),
    *("whole set", "lowest class", "classes in a set", "sets of one"),
)


_PHOTOGRAPHS = "Of the photographs, those in which reading finds one character. "


class Measured(NamedTuple):
    """Labelled examples and the calibrated probabilities of them: what, from where, and the arrays."""

    letters: str
    calibrated_on: str
    probabilities: np.ndarray
    labels: np.ndarray
    calibration: Calibration


def rows(parts: Sequence[Measured]) -> list[tuple[str, ...]]:
    """Returns the cells of a table, a row for each coverage, of the examples of all parts together."""
    lines: list[tuple[str, ...]] = []
    sizes = [len(part.labels) for part in parts]
    count = sum(sizes)
    for asked in ASKED:
        found = [
            conformal.measure(part.probabilities, part.labels, part.calibration, asked)
            for part in parts
        ]
        within, measured, size, single = (
            float(np.average([coverage[key] for coverage in found], weights=sizes))
            for key in ("within_threshold", "measured", "size", "single")
        )
        low, high = analysis.wilson_interval(round(within * count), count)
        lines.append(
            (
                *(parts[0].letters, parts[0].calibrated_on, f"{count:,}", f"{100 * asked:.0f}"),
                f"{100 * within:.2f}",
                f"{100 * low:.2f} to {100 * high:.2f}",
                f"{100 * measured:.2f}",
                f"{100 * min(coverage['lowest'] for coverage in found):.2f}",
                f"{size:.2f}",
                f"{100 * single:.1f}",
            )
        )
    return lines


def of_test_split(folder: Path, calibration: Calibration) -> Measured:
    """Returns the test examples of a finished run, as its report has them."""
    with np.load(folder / "report" / "predictions.npz") as predictions:
        logits, labels = predictions["logits"], predictions["labels"]
    probabilities = conformal.probabilities(logits, calibration)
    return Measured("test split", "validation examples", probabilities, labels, calibration)


def of_alphadigits(classifier: Classifier, calibration: Calibration) -> list[list[Measured]]:
    """Returns the letters of AlphaDigits: all of them, and two halves, each calibrated on the other one."""
    splits = DatasetSplits(jl.AlphaDigits(resize="bilinear"))
    examples = splits.take(selection.zero_shot_test(splits))
    label_of = {name: label for label, name in enumerate(classifier.class_names)}
    labels = np.array([label_of[examples.class_names[i]] for i in examples.labels], np.int32)
    logits = classifier.logits(examples.images)
    probabilities = conformal.probabilities(logits, calibration)
    whole = Measured("AlphaDigits", "validation examples", probabilities, labels, calibration)
    halves: list[Measured] = []
    half_of = stratified.folds(labels, 2, seed=0)
    for half in range(2):
        tested = half_of == half
        own = conformal.calibrate(logits[~tested], labels[~tested], calibration.answers())
        probabilities = conformal.probabilities(logits[tested], own)
        halves.append(Measured("AlphaDigits", "its other half", probabilities, labels[tested], own))
    return [[whole], halves]


def of_photographs(classifier: Classifier, calibration: Calibration, folder: Path) -> Measured:
    """Returns the photographs of one letter in which reading finds one character, without regard to case."""
    probabilities: list[np.ndarray] = []
    labels: list[int] = []
    with (folder / "readings.tsv").open() as file:
        listed = [(row["file"], row["reading"]) for row in csv.DictReader(file, delimiter="\t")]
    single = [(name, letter) for name, letter in listed if len(letter) == 1]
    for name, letter in single:
        picture = images.read(folder / name)
        characters = recognition.find(classifier, picture, name).characters
        if len(characters) == 1:
            probabilities.append(characters[0].probabilities)
            labels.append(classifier.class_names.index(letter.upper()))
    return Measured(
        f"photographs of {len(single)} letters",
        "validation examples",
        np.array(probabilities),
        np.array(labels, np.int32),
        calibration,
    )


def table(lines: list[tuple[str, ...]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (HEADING, ["---"] * len(HEADING), *lines)]


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--photographs", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    xla.configure()
    classifier = loader.load(arguments.run)
    calibration = classifier.calibration
    if calibration is None:
        raise UserError(
            f"{arguments.run}: expected a run with validation examples, found none; train one with "
            "config.split.validation_per_class"
        )
    measured = [[of_test_split(arguments.run, calibration)]]
    measured += of_alphadigits(classifier, calibration)
    if arguments.photographs:
        measured.append([of_photographs(classifier, calibration, arguments.photographs)])
    made = [provenance.of(arguments.run)]
    options = " --photographs FOLDER" if arguments.photographs else ""
    lines = [
        *table([row for parts in measured for row in rows(parts)]),
        "",
        "Percent of the examples. By thresholds: their letter's score is up to the threshold of its class; "
        "whole set: the letter is in the set that reading gives, which always has the most probable class. "
        f"{_PHOTOGRAPHS if arguments.photographs else ''}"
        f"{classifier.name}, temperature {calibration.temperature:.3f}, "
        f"{provenance.foot(made, f'python benchmarks/coverage.py RUN{options}')}.",
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")

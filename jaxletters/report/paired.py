"""Two experiments on the same test examples: how often only one of them is right, and whether by chance."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from jaxletters.evaluation import metrics
from jaxletters.runs import predictions
from jaxletters.runs.data_description import DataDescription


class Pair(TypedDict):
    """A paired test of two experiments.

    Attributes:
        first, second: their names.
        examples: which both were tested on.
        only_first, only_second: examples that only one of them predicts right.
        p: how probable so large a difference is if both are right equally often: McNemar's exact test
            (McNemar, Note on the sampling error of the difference between correlated proportions, 1947).
    """

    first: str
    second: str
    examples: int
    only_first: int
    only_second: int
    p: float


class Tested(NamedTuple):
    """The test of a finished run.

    Attributes:
        name: of the run.
        examples: what identifies the test examples, equal for the same ones.
        correct: bool `[n]`, whether each is predicted right.
    """

    name: str
    examples: tuple[str, bytes]
    correct: NDArray[np.bool_]


def load(name: str, folder: Path, data: DataDescription | None) -> Tested | None:
    """Returns the test of a finished run; None if it has no predictions, or not one dataset.

    Args:
        name: of the run.
        folder: the run folder.
        data: of its manifest.

    Raises:
        UserError: the predictions cannot be read.
    """
    if data is None or (found := predictions.load(folder)) is None:
        return None
    splits = data["splits"]
    # The division of the examples matters only where the test examples come from another split.
    identity = splits["test"]["images"] if "test" in splits else data["division"]
    correct = metrics.correct(found.logits, found.labels)
    return Tested(name, (identity, found.labels.tobytes()), correct)


def with_first(tests: Sequence[Tested | None]) -> list[Pair]:
    """Returns the paired tests of the first run with each other that has the same test examples."""
    first, *others = tests
    return [
        _pair(first, other)
        for other in others
        if first and other and first.examples == other.examples
    ]


def _pair(first: Tested, second: Tested) -> Pair:
    # Imported here, because it takes a third of a second.
    import scipy.stats

    only_first = int((first.correct & ~second.correct).sum())
    only_second = int((second.correct & ~first.correct).sum())
    differing = only_first + only_second
    p = scipy.stats.binomtest(only_first, differing).pvalue if differing else 1.0
    return {
        "first": first.name,
        "second": second.name,
        "examples": len(first.correct),
        "only_first": only_first,
        "only_second": only_second,
        "p": float(p),
    }


HEADING = ("right in only one", "examples", "the first", "the second", "p")
"""The columns of a table of pairs."""


def cells(pair: Pair) -> tuple[str, ...]:
    """Returns the cells of a pair, one for each column of HEADING."""
    p = f"{pair['p']:.3f}" if pair["p"] >= 0.001 else "< 0.001"
    counts = (pair[key] for key in ("examples", "only_first", "only_second"))
    return f"{pair['first']} and {pair['second']}", *(f"{count:,}" for count in counts), p

"""Calibrated probabilities, and conformal sets: the classes that an image may be, with a chosen coverage.

The network's probabilities are calibrated by a temperature (Guo et al., On Calibration of Modern Neural
Networks, 2017). A set contains each class with a score, 1 - its probability, up to a threshold: a quantile
of the scores that held-out examples of this class give their label (Vovk, Conditional validity of inductive
conformal predictors, 2012; Sadinle, Lei and Wasserman, Least ambiguous set-valued classifiers with bounded
error levels, 2019). So the set of a new example contains its class with at least the chosen probability,
whatever the class, if the example comes from the distribution of the held-out ones.
"""

import dataclasses
import itertools
import math
from typing import Any, TypedDict, cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from jaxletters.core.arrays import Labels, Logits
from jaxletters.core.errors import UserError
from jaxletters.evaluation import metrics
from jaxletters.evaluation.result import Coverage

COVERAGES = (*(x / 100 for x in (*range(50, 80, 5), *range(80, 100))), 0.995)
"""The coverages for which a calibration has thresholds."""

# The temperature is searched from the inverse of this factor to the factor. A useful network is within.
_HIGHEST_TEMPERATURE = 20.0
# The thresholds are rounded up to a multiple of this, which keeps their coverage and shortens a file.
_RESOLUTION = 1e-6

Row = tuple[float, ...]
Probabilities = Float[np.ndarray, "n classes"]


class Stored(TypedDict):
    """A calibration as JSON; the attributes of `Calibration`, in lists."""

    temperature: float
    coverages: list[float]
    marginal: list[float]
    by_class: list[list[float] | None]


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What held-out examples tell about the probabilities of a network.

    Attributes:
        temperature: the divisor of the logits.
        coverages: ascending; the thresholds below are for these.
        marginal: for each coverage, the threshold over the examples of all classes.
        by_class: for each class, its threshold for each coverage; None for a class without examples, whose
            thresholds are the marginal ones; () for a class that is never an answer.
    """

    temperature: float
    coverages: Row
    marginal: Row
    by_class: tuple[Row | None, ...]

    def answers(self) -> Bool[np.ndarray, " classes"]:
        """Returns which classes can be an answer."""
        return np.array([row != () for row in self.by_class])

    def as_dict(self) -> Stored:
        """Returns the calibration as JSON."""
        return {
            "temperature": self.temperature,
            "coverages": list(self.coverages),
            "marginal": list(self.marginal),
            "by_class": [None if row is None else list(row) for row in self.by_class],
        }


def calibrate(
    logits: Logits, labels: Labels, columns: Bool[np.ndarray, " classes"] | None = None
) -> Calibration:
    """Returns the calibration of a network from examples that it was not trained on.

    With n examples of a class, its threshold for coverage c is the ceil((n + 1) c)-th smallest of their
    scores. A class with too few examples for that, ceil((n + 1) c) > n, has the threshold of all classes
    together, or that of its next smaller coverage if it is larger; too few examples of all classes make it
    1, so that each set contains every class.

    Args:
        logits: of at least one example, finite.
        labels: the class of each example, among `columns`.
        columns: which classes can be an answer; None for all. The others have probability 0.

    Raises:
        ValueError: no example, a logit that is not finite, or a label that is not among `columns`.
    """
    count = logits.shape[1]
    answers = np.ones(count, np.bool_) if columns is None else columns
    if not len(labels) or not np.isfinite(logits).all() or not answers[labels].all():
        raise ValueError("expected examples with finite logits and labels that can be an answer")
    kept = logits[:, answers]
    positions = np.searchsorted(np.flatnonzero(answers), labels)
    temperature = _temperature(kept, positions)
    own = np.exp(metrics.label_log_probabilities(kept / np.float32(temperature), positions))
    scores = 1 - own
    marginal = _thresholds(scores, np.ones(len(COVERAGES)))
    return Calibration(
        temperature,
        COVERAGES,
        _row(marginal),
        tuple(
            _class_row(scores[labels == i], marginal) if answers[i] else () for i in range(count)
        ),
    )


def _temperature(logits: Logits, labels: Labels) -> float:
    """Returns the divisor of the logits with the smallest cross-entropy, from 1/20 to 20.

    1 if every example is right, because then the smaller the divisor, the smaller the cross-entropy.
    """
    if metrics.correct(logits, labels).all():
        return 1.0
    # Imported here because reading does not need it.
    from scipy import optimize

    def loss(log_temperature: float) -> float:
        scaled = logits / np.float32(math.exp(log_temperature))
        return -float(metrics.label_log_probabilities(scaled, labels).mean())

    limit = math.log(_HIGHEST_TEMPERATURE)
    found = cast(Any, optimize.minimize_scalar(loss, bounds=(-limit, limit), method="bounded"))
    return round(math.exp(found.x), 4)


def _thresholds(
    scores: Float64[np.ndarray, " n"], fallback: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    """Returns the threshold of some examples for each of `COVERAGES`, a fallback if they are too few."""
    ordered = np.sort(scores)
    # Rounded, because (n + 1) c may be an integer that floating point misses by a bit.
    ranks = np.ceil(np.round((len(scores) + 1) * np.array(COVERAGES), 9)).astype(int)
    enough = ranks <= len(scores)
    found = np.where(enough, ordered[np.minimum(ranks, len(scores)) - 1], fallback)
    # A larger coverage never has a smaller set.
    return np.maximum.accumulate(np.minimum(1.0, np.ceil(found / _RESOLUTION) * _RESOLUTION))


def _class_row(
    scores: Float64[np.ndarray, " n"], marginal: Float64[np.ndarray, " k"]
) -> Row | None:
    return _row(_thresholds(scores, marginal)) if len(scores) else None


def _row(thresholds: Float64[np.ndarray, " k"]) -> Row:
    return tuple(round(float(x), 6) for x in thresholds)


def probabilities(logits: Logits, calibration: Calibration) -> Float32[np.ndarray, "n classes"]:
    """Returns the calibrated probabilities. Rows add up to 1; classes that cannot be an answer have 0."""
    scaled = logits / np.float32(calibration.temperature)
    return metrics.probabilities(np.where(calibration.answers(), scaled, np.float32(-np.inf)))


def sets(
    probabilities: Probabilities, calibration: Calibration, coverage: float
) -> Bool[np.ndarray, "n classes"]:
    """Returns the conformal set of each image, which always contains its most probable class.

    Args:
        probabilities: calibrated, as `probabilities` and `Classifier.predict` return them.
        calibration: of the network.
        coverage: the probability that the class of an image is in its set, from .5 to .995. A value between
            two of the calibration's coverages is rounded up to the larger.

    Raises:
        UserError: the coverage is outside these limits.
    """
    chosen = thresholded(probabilities, calibration, coverage)
    chosen[np.arange(len(chosen)), metrics.predicted_labels(probabilities)] = True
    return chosen


def thresholded(
    probabilities: Probabilities, calibration: Calibration, coverage: float
) -> Bool[np.ndarray, "n classes"]:
    """Returns which classes of each image reach their thresholds.

    The set of an image may be empty, unlike that of `sets`. Arguments and errors are the same.
    """
    lowest, highest = calibration.coverages[0], calibration.coverages[-1]
    if not lowest <= coverage <= highest:  # also true for NaN
        raise UserError(
            f"coverage: expected a number from {lowest} to {highest}, found {coverage}; for example, with "
            "0.95 the letter is among those offered in 95% of the cases"
        )
    # The tolerance finds .95 where a caller computed .9500000001.
    column = int(np.searchsorted(calibration.coverages, coverage - 1e-9))
    # No score is below 0, so that a class that cannot be an answer is in no set.
    thresholds = [
        calibration.marginal[column] if row is None else row[column] if row else -1.0
        for row in calibration.by_class
    ]
    return 1 - probabilities.astype(np.float64) <= np.array(thresholds)


def measure(
    probabilities: Probabilities, labels: Labels, calibration: Calibration, coverage: float
) -> Coverage:
    """Returns how well conformal sets cover the labels of examples, at least one.

    Args:
        probabilities: calibrated, of examples that the calibration has not seen.
        labels: the class of each example.
        calibration: of the network.
        coverage: as for `sets`.

    Raises:
        UserError: as for `sets`.
    """
    rows = np.arange(len(labels))
    chosen = sets(probabilities, calibration, coverage)
    covered, sizes = chosen[rows, labels], chosen.sum(axis=1)
    within = thresholded(probabilities, calibration, coverage)[rows, labels]
    return {
        "asked": coverage,
        "within_threshold": float(within.mean()),
        "measured": float(covered.mean()),
        "lowest": min(float(covered[labels == label].mean()) for label in np.unique(labels)),
        "size": float(sizes.mean()),
        "single": float((sizes == 1).mean()),
    }


def parse(content: object, classes: int) -> Calibration | None:
    """Returns the calibration that JSON holds; None unless it is one of so many classes.

    Args:
        content: what `Calibration.as_dict` returned, possibly damaged.
        classes: the number of the network's classes.
    """
    stored = cast(Stored, content)
    try:
        calibration = Calibration(
            float(stored["temperature"]),
            _floats(stored["coverages"]),
            _floats(stored["marginal"]),
            tuple(None if row is None else _floats(row) for row in stored["by_class"]),
        )
    except (TypeError, ValueError, KeyError):
        return None
    rows = (calibration.marginal, *filter(None, calibration.by_class))
    sizes = {len(row) for row in (calibration.coverages, *rows)}
    is_sound = (
        0 < calibration.temperature < math.inf
        and len(calibration.by_class) == classes
        and len(sizes) == 1
        and 0 not in sizes
        and all(map(_ascends, (calibration.coverages, *rows)))
    )
    return calibration if is_sound else None


def _floats(numbers: list[float]) -> Row:
    return tuple(float(x) for x in numbers)


def _ascends(row: Row) -> bool:
    """Returns whether numbers are in [0, 1] and none is below the one before it; false for NaN."""
    return all(a <= b for a, b in itertools.pairwise((0.0, *row, 1.0)))

"""Detailed evaluation of a test split on the host: confusions, calibration, intervals, mistakes."""

import math
import statistics
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int, Int64

from jaxletters.core.arrays import Labels, Logits
from jaxletters.core.types import Dataset
from jaxletters.evaluation import metrics
from jaxletters.evaluation.result import Evaluation, FoldScores

ConfusionMatrix = Int64[np.ndarray, "classes classes"]
"""How many examples of the row's class were predicted as the column's."""

_LISTED_CONFUSIONS = 10
_CALIBRATION_BINS = 15


class Confusion(NamedTuple):
    """How many `times` class `label` was predicted as `predicted`, and in what `share` of its examples."""

    label: int
    predicted: int
    times: int
    share: float


class Reliability(NamedTuple):
    """One bin of predictions: its `examples`, how many are `right`, and their mean `confidence`."""

    examples: int
    right: int
    confidence: float


class Mistake(NamedTuple):
    """One misclassified example and the probability of its predicted class."""

    example: int
    label: int
    predicted: int
    probability: float


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns a proportion's 95% score interval (Wilson 1927, JASA 22); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    z = statistics.NormalDist().inv_cdf(0.975)
    shrink = 1 / (1 + z**2 / trials)
    rate = successes / trials
    centre = shrink * (rate + z**2 / (2 * trials))
    half = shrink * z * math.sqrt(rate * (1 - rate) / trials + (z / (2 * trials)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(
    labels: Labels, predicted: Int[np.ndarray, " n"], classes: int
) -> ConfusionMatrix:
    """Returns how many examples of each class were predicted as each class."""
    cells = labels.astype(np.int64) * classes + predicted  # indices into the flattened matrix
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def row_shares(confusion: ConfusionMatrix) -> Float64[np.ndarray, "classes classes"]:
    """Returns a confusion matrix with each row divided by its sum; rows of zeros become NaN."""
    totals = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, totals, out=np.full(confusion.shape, np.nan), where=totals > 0)


def top_confusions(confusion: ConfusionMatrix, limit: int) -> list[Confusion]:
    """Returns the most frequent confusions, at most `limit`; ties in the order of the classes."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    shares = row_shares(confusion)
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(limit, np.count_nonzero(wrong))]
    cells = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [Confusion(int(i), int(j), int(wrong[i, j]), float(shares[i, j])) for i, j in cells]


def most_confused_pair(confusion: ConfusionMatrix) -> tuple[int, int] | None:
    """Returns the two classes most often confused with one another, in order; None without a mistake."""
    # Above the diagonal: the confusions of each pair in both directions.
    mutual = np.triu(confusion + confusion.T, 1)
    first, second = np.unravel_index(mutual.argmax(), mutual.shape)
    return (int(first), int(second)) if mutual.any() else None


def accuracy_as_one(confusion: ConfusionMatrix, pair: tuple[int, int]) -> float:
    """Returns the accuracy if the two classes of a pair counted as one."""
    first, second = pair
    correct = confusion.trace() + confusion[first, second] + confusion[second, first]
    return float(correct / confusion.sum())


def worst_mistakes(labels: Labels, logits: Logits, limit: int) -> list[Mistake]:
    """Returns the mistakes made with the highest probability, at most `limit`; ties by index."""
    predicted = metrics.predicted_labels(logits)
    (wrong,) = np.nonzero(predicted != labels)
    confidence = np.exp(metrics.log_probabilities(logits[wrong])).max(axis=1)
    order = np.argsort(-confidence, kind="stable")[:limit]
    return [
        Mistake(int(i), int(labels[i]), int(predicted[i]), float(p))
        for i, p in zip(wrong[order], confidence[order], strict=True)
    ]


def reliability(labels: Labels, logits: Logits) -> list[Reliability]:
    """Returns the predictions, grouped by the probability of their class into 15 equal bins.

    Returns:
        The bins that are not empty, in rising order; an empty list if a probability is not finite.
    """
    confidence = np.exp(metrics.log_probabilities(logits).max(axis=1))
    if not np.isfinite(confidence).all():
        return []
    correct = metrics.correct(logits, labels)
    bins = np.minimum(_CALIBRATION_BINS - 1, np.int64(confidence * _CALIBRATION_BINS))
    result: list[Reliability] = []
    for i in np.unique(bins):
        inside = bins == i
        right = int(correct[inside].sum())
        result.append(Reliability(int(inside.sum()), right, float(confidence[inside].mean())))
    return result


def calibration_error(labels: Labels, logits: Logits) -> float:
    """Returns the expected calibration error, in [0, 1]; NaN if a probability is not finite.

    The mean difference between confidence and accuracy over 15 equal bins of confidence (Guo et al., On
    Calibration of Modern Neural Networks, 2017, section 2).
    """
    gaps = [abs(b.right - b.confidence * b.examples) for b in reliability(labels, logits)]
    return sum(gaps) / len(labels) if gaps else math.nan


def fold_scores(accuracies: list[float]) -> FoldScores:
    """Returns the accuracy of every fold, their mean, and their standard deviation (n - 1)."""
    return {
        "fold_accuracies": accuracies,
        "fold_mean": statistics.mean(accuracies),
        "fold_deviation": statistics.stdev(accuracies),
    }


def score(test: Dataset, logits: Logits) -> Evaluation:
    """Returns the evaluation of a test split from its logits, ready for JSON.

    Rates are in [0, 1], losses in nats. Classes without test examples have no accuracy and do not count in
    the balanced accuracy.
    """
    names = test.class_names
    count = len(test.labels)
    confusion = confusion_matrix(test.labels, metrics.predicted_labels(logits), len(names))
    correct = int(confusion.trace())
    recall = row_shares(confusion).diagonal()
    pair = most_confused_pair(confusion)
    return {
        "test_accuracy": correct / count,
        "test_accuracy_interval": list(wilson_interval(correct, count)),
        "test_balanced_accuracy": float(np.nanmean(recall)),
        "test_errors": count - correct,
        "test_examples": count,
        "test_loss": -float(metrics.label_log_probabilities(logits, test.labels).mean()),
        "test_calibration_error": calibration_error(test.labels, logits),
        "class_accuracy": {
            n: float(r) for n, r in zip(names, recall, strict=True) if not np.isnan(r)
        },
        "confusions": [
            {
                "label": names[confused.label],
                "predicted": names[confused.predicted],
                "times": confused.times,
                "share": confused.share,
            }
            for confused in top_confusions(confusion, _LISTED_CONFUSIONS)
        ],
        "most_confused": None
        if pair is None
        else {
            "pair": [names[i] for i in pair],
            "test_accuracy_as_one": accuracy_as_one(confusion, pair),
        },
    }

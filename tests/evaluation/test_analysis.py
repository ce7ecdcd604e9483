import itertools
import math
from collections import Counter

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.core.types import Dataset
from jaxletters.evaluation import analysis

CLASSES = 5
pairs = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=60
).map(lambda drawn: np.array(drawn, np.int32).T)


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(1, 30_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_scipys(counts):
    successes, trials = counts
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert analysis.wilson_interval(successes, trials) == pytest.approx(tuple(expected), abs=1e-12)


def test_wilson_interval_without_trials():
    assert analysis.wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.slow
@settings(deadline=None)
@given(pairs)
def test_confusions_are_counted(drawn):
    labels, predicted = drawn
    tally = Counter(zip(labels.tolist(), predicted.tolist(), strict=True))
    confusion = analysis.confusion_matrix(labels, predicted, CLASSES)
    assert {(i, j): n for (i, j), n in np.ndenumerate(confusion) if n} == tally

    wrong = {cell: n for cell, n in tally.items() if cell[0] != cell[1]}
    ranked = sorted(wrong, key=lambda cell: (-wrong[cell], cell))
    found = analysis.top_confusions(confusion, limit=4)
    assert [(c.label, c.predicted) for c in found] == ranked[:4]
    for c in found:
        assert c.times == tally[c.label, c.predicted]
        assert c.share == pytest.approx(c.times / np.sum(labels == c.label))


@pytest.mark.slow
@settings(deadline=None)
@given(pairs)
def test_two_classes_as_one_are_two_classes_with_one_label(drawn):
    labels, predicted = drawn
    confusion = analysis.confusion_matrix(labels, predicted, CLASSES)
    confused = {
        pair: sum({*cell} == {*pair} for cell in zip(labels, predicted, strict=True))
        for pair in itertools.combinations(range(CLASSES), 2)
    }
    pair = analysis.most_confused_pair(confusion)
    assert pair == (max(confused, key=confused.__getitem__) if any(confused.values()) else None)
    if pair is not None:
        one, other = (np.where(given == pair[1], pair[0], given) for given in drawn)
        assert analysis.accuracy_as_one(confusion, pair) == pytest.approx(np.mean(one == other))


@pytest.mark.slow
@settings(deadline=None)
@given(pairs)
def test_row_shares(drawn):
    labels, predicted = drawn
    shares = analysis.row_shares(analysis.confusion_matrix(labels, predicted, CLASSES))
    for label in range(CLASSES):
        if label in labels:
            assert shares[label, label] == np.mean(predicted[labels == label] == label)
            assert shares[label].sum() == pytest.approx(1)
        else:
            assert np.isnan(shares[label]).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_worst_mistakes_by_brute_force(seed, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count).astype(np.int32)
    logits = rng.integers(-2, 3, (count, 3)).astype(np.float32)
    probabilities = scipy.special.softmax(logits.astype(np.float64), axis=1).round(12)
    predicted = logits.argmax(axis=1)
    wrong = [i for i in range(count) if predicted[i] != labels[i]]
    ranked = sorted(wrong, key=lambda i: (-probabilities[i, predicted[i]], i))
    found = analysis.worst_mistakes(labels, logits, limit=10)
    assert sorted(-round(m.probability, 12) for m in found) == [
        -probabilities[i, predicted[i]] for i in ranked[:10]
    ]
    for m in found:
        assert (m.label, m.predicted) == (labels[m.example], predicted[m.example])
        assert m.probability == pytest.approx(probabilities[m.example, m.predicted])


def test_equally_bad_mistakes_come_in_order():
    logits = np.tile(np.float32([2, 0]), (5, 1))
    found = analysis.worst_mistakes(np.ones(5, np.int32), logits, limit=3)
    assert [m.example for m in found] == [0, 1, 2]


def test_score():
    names = ("N/A", "A", "B")
    labels = np.array([1, 1, 1, 2], np.int32)
    logits = np.float32([[0, 9, 1], [0, 1, 2], [0, 5, 4], [0, 1, 3]])
    result = analysis.score(Dataset(np.zeros((4, 2, 2), np.uint8), labels, names), logits)
    losses = scipy.special.logsumexp(logits, axis=1) - logits[np.arange(4), labels]
    assert result["test_accuracy"] == 0.75
    assert result["test_balanced_accuracy"] == pytest.approx(5 / 6)
    assert result["test_errors"] == 1
    assert result["test_loss"] == pytest.approx(losses.mean(), rel=1e-6)
    assert result["test_accuracy_interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert result["class_accuracy"] == {"A": pytest.approx(2 / 3), "B": 1.0}
    assert result["confusions"] == [
        {"label": "A", "predicted": "B", "times": 1, "share": pytest.approx(1 / 3)}
    ]
    assert result["most_confused"] == {"pair": ["A", "B"], "test_accuracy_as_one": 1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_network_scores_without_a_warning(value):
    data = Dataset(np.zeros((2, 2, 2), np.uint8), np.array([0, 1], np.int32), ("a", "b"))
    logits = np.full((2, 2), value, np.float32)
    assert math.isnan(analysis.score(data, logits)["test_loss"])
    assert len(analysis.worst_mistakes(data.labels, logits, limit=5)) == 1


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_calibration_error_by_its_definition(seed, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count).astype(np.int32)
    logits = rng.normal(0, 3, (count, 3)).astype(np.float32)
    probabilities = scipy.special.softmax(logits.astype(np.float64), axis=1)
    confidence, right = probabilities.max(1), logits.argmax(1) == labels
    expected = 0.0
    for i in range(15):
        inside = (confidence >= i / 15) & (confidence < (i + 1) / 15 + (i == 14))
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert analysis.calibration_error(labels, logits) == pytest.approx(expected, abs=1e-9)


def test_who_is_always_right_and_sure_of_it_is_calibrated():
    labels = np.arange(3, dtype=np.int32)
    assert analysis.calibration_error(labels, 100 * np.eye(3, dtype=np.float32)) == 0
    assert analysis.calibration_error(labels, np.zeros((3, 3), np.float32)) == pytest.approx(0)
    assert analysis.calibration_error(
        labels, 100 * np.eye(3, dtype=np.float32)[[1, 2, 0]]
    ) == pytest.approx(1)

"""Conformal sets are those of a direct computation, and cover as many examples as asked."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.core.errors import UserError
from jaxletters.evaluation import conformal

CLASSES = 4


def drawn(seed, count, sharpness=3.0, classes=CLASSES):
    """Labels, and the logits of a network that is right about three times of four."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int32)
    evidence = rng.normal(size=(count, classes)) + 2 * np.eye(classes)[labels]
    return (sharpness * evidence).astype(np.float32), labels


def naive_threshold(scores, coverage, fallback):
    """The threshold by its definition, with exact arithmetic."""
    rank = math.ceil((len(scores) + 1) * Fraction(str(coverage)))
    return sorted(scores)[rank - 1] if rank <= len(scores) else fallback


def naive_sets(probabilities, calibration_probabilities, labels, coverage, answers):
    """Whether each class is in the set of each image: one class and one image after another."""
    scores = [1 - float(p[y]) for p, y in zip(calibration_probabilities, labels, strict=True)]
    asked = [c for c in conformal.COVERAGES if c <= coverage]
    thresholds = {}
    for label in answers:
        own = [score for score, y in zip(scores, labels, strict=True) if y == label]
        largest = 0.0
        for c in asked:
            marginal = naive_threshold(scores, c, 1.0)
            largest = max(largest, naive_threshold(own, c, marginal))
        thresholds[label] = largest
    return [
        [
            label in thresholds and (1 - row[label] <= thresholds[label] or row[label] == row.max())
            for label in range(len(row))
        ]
        for row in probabilities
    ]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 120),
    st.sampled_from(conformal.COVERAGES),
    st.sets(st.integers(0, CLASSES - 1), min_size=1),
)
def test_sets_are_those_of_their_definition(seed, count, coverage, answers):
    logits, labels = drawn(seed, count)
    columns = np.isin(np.arange(CLASSES), [*answers])
    kept = columns[labels]
    logits, labels = logits[kept], labels[kept]
    if not len(labels):
        return
    calibration = conformal.calibrate(logits, labels, columns)
    probabilities = conformal.probabilities(drawn(seed + 1, 50)[0], calibration)
    scaled = np.where(columns, logits.astype(np.float64) / calibration.temperature, -np.inf)
    expected = naive_sets(
        probabilities, scipy.special.softmax(scaled, axis=1), labels, coverage, answers
    )
    found = conformal.sets(probabilities, calibration, coverage)
    # Scores within the resolution of the thresholds may fall on either side.
    assert np.mean(found != np.array(expected)) < 0.01


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.floats(0.5, 0.995))
def test_sets_are_never_empty_and_grow_with_the_coverage(seed, count, coverage):
    calibration = conformal.calibrate(*drawn(seed, count))
    probabilities = conformal.probabilities(drawn(seed + 1, 20)[0], calibration)
    smaller = conformal.sets(probabilities, calibration, coverage)
    larger = conformal.sets(probabilities, calibration, 0.995)
    assert smaller[np.arange(20), probabilities.argmax(axis=1)].all()
    assert (smaller <= larger).all()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0.8, 0.9, 0.95, 0.99])
def test_coverage_is_what_was_asked_in_every_class(asked):
    examples = drawn(1, 8_000)
    calibration = conformal.calibrate(*examples)
    logits, labels = drawn(2, 20_000)
    probabilities = conformal.probabilities(logits, calibration)
    covered = conformal.thresholded(probabilities, calibration, asked)[
        np.arange(len(labels)), labels
    ]
    for label in range(CLASSES):
        own = covered[labels == label]
        n = int(np.sum(examples[1] == label))
        # Given the calibration, coverage has a beta distribution (Vovk 2012, proposition 2a).
        rank = math.ceil((n + 1) * asked)
        between = scipy.stats.betabinom(len(own), rank, n + 1 - rank)
        assert between.ppf(0.001) <= own.sum() <= between.ppf(0.999)


def test_measured_coverage_counts_sets():
    logits, labels = drawn(3, 500)
    calibration = conformal.calibrate(*drawn(4, 500))
    probabilities = conformal.probabilities(logits, calibration)
    found = conformal.measure(probabilities, labels, calibration, 0.9)
    sets = conformal.sets(probabilities, calibration, 0.9)
    covered = sets[np.arange(500), labels]
    assert found == {
        "asked": 0.9,
        "within_threshold": found["within_threshold"],
        "measured": covered.mean(),
        "lowest": min(covered[labels == i].mean() for i in range(CLASSES)),
        "size": sets.sum() / 500,
        "single": np.mean(sets.sum(axis=1) == 1),
    }
    assert 0.85 < found["within_threshold"] <= found["measured"]


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 8.0])
def test_the_temperature_undoes_the_sharpness_of_logits(sharpness):
    plain = conformal.calibrate(*drawn(5, 4_000, sharpness=1.0)).temperature
    logits, labels = drawn(5, 4_000, sharpness=sharpness)
    calibration = conformal.calibrate(logits, labels)
    assert calibration.temperature == pytest.approx(sharpness * plain, rel=0.01)
    confidence = conformal.probabilities(logits, calibration).max(axis=1).mean()
    assert confidence == pytest.approx(np.mean(logits.argmax(axis=1) == labels), abs=0.02)


def test_a_network_without_mistakes_keeps_its_temperature():
    labels = np.arange(40, dtype=np.int32) % CLASSES
    calibration = conformal.calibrate(np.eye(CLASSES, dtype=np.float32)[labels], labels)
    assert calibration.temperature == 1


def test_a_network_that_is_always_wrong_has_the_highest_temperature():
    labels = np.arange(40, dtype=np.int32) % CLASSES
    logits = 30 * np.eye(CLASSES, dtype=np.float32)[(labels + 1) % CLASSES]
    assert conformal.calibrate(logits, labels).temperature == pytest.approx(20, rel=0.01)


def test_extreme_logits_have_probabilities():
    logits, labels = drawn(6, 200)
    calibration = conformal.calibrate(np.float32(1e30) * logits, labels)
    probabilities = conformal.probabilities(np.float32(1e30) * logits, calibration)
    assert np.isfinite(probabilities).all()
    assert conformal.sets(probabilities, calibration, 0.95).any(axis=1).all()


def test_one_class_is_the_only_answer():
    labels = np.zeros(30, np.int32)
    columns = np.array([True, False, False, False])
    logits = drawn(7, 30)[0]
    calibration = conformal.calibrate(logits, labels, columns)
    probabilities = conformal.probabilities(logits, calibration)
    np.testing.assert_array_equal(probabilities, np.tile(columns, (30, 1)))
    np.testing.assert_array_equal(conformal.sets(probabilities, calibration, 0.5), probabilities)


def test_classes_that_are_no_answer_are_never_in_a_set():
    logits, labels = drawn(8, 3)  # too few for any threshold, so that sets have all classes
    columns = np.arange(CLASSES) != (set(range(CLASSES)) - {*labels.tolist()}).pop()
    calibration = conformal.calibrate(logits, labels, columns)
    probabilities = conformal.probabilities(logits, calibration)
    found = conformal.sets(probabilities, calibration, 0.995)
    np.testing.assert_array_equal(found, np.tile(columns, (3, 1)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_a_class_without_examples_has_the_thresholds_of_all_classes():
    logits, labels = drawn(9, 400)
    kept = labels != 2
    calibration = conformal.calibrate(logits[kept], labels[kept])
    assert calibration.by_class[2] is None
    certain = np.zeros((1, CLASSES), np.float32)
    certain[0, [0, 2]] = 1 - calibration.marginal[0], calibration.marginal[0]
    expected = 1 - certain[0, 2] <= calibration.marginal[0]
    assert conformal.thresholded(certain, calibration, 0.5)[0, 2] == expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused(value):
    logits, labels = drawn(10, 20)
    logits[3, 1] = value
    with pytest.raises(ValueError, match="finite"):
        conformal.calibrate(logits, labels)


def test_labels_that_are_no_answer_are_refused():
    logits, labels = drawn(10, 20)
    with pytest.raises(ValueError, match="answer"):
        conformal.calibrate(logits, labels, np.array([True, True, False, True]))


@pytest.mark.parametrize("coverage", [0.4, 0.999, 95.0, math.nan])
def test_a_coverage_outside_the_limits_is_an_error(coverage):
    logits, labels = drawn(11, 50)
    calibration = conformal.calibrate(logits, labels)
    with pytest.raises(UserError, match=str(coverage)):
        conformal.sets(conformal.probabilities(logits, calibration), calibration, coverage)


def test_a_calibration_is_the_same_after_json_and_small():
    logits, labels = drawn(12, 62 * 30, classes=62)
    columns = np.arange(62) != 3
    kept = (labels != 3) & (labels != 7)
    calibration = conformal.calibrate(logits[kept], labels[kept], columns)
    assert (calibration.by_class[3], calibration.by_class[7]) == ((), None)
    text = json.dumps(calibration.as_dict())
    assert len(text) < 20_000
    assert conformal.parse(json.loads(text), 62) == calibration


@pytest.mark.parametrize(
    "damage",
    [
        {"temperature": 0},
        {"temperature": "hot"},
        {"coverages": []},
        {"marginal": [0.5]},
        {"by_class": [[0.1]] * CLASSES},
        {"by_class": []},
        {"by_class": [None] * (CLASSES + 1)},
        {"marginal": [math.nan] * len(conformal.COVERAGES)},
        {"marginal": [2.0] * len(conformal.COVERAGES)},
    ],
)
def test_damaged_json_is_no_calibration(damage):
    stored = conformal.calibrate(*drawn(13, 60)).as_dict()
    assert conformal.parse({**stored, **damage}, CLASSES) is None


@pytest.mark.parametrize("content", [None, [], "text", {}])
def test_other_json_is_no_calibration(content):
    assert conformal.parse(content, CLASSES) is None

import jaxtyping
import numpy as np
import pytest
import scipy.special
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.evaluation import metrics

count = tiny.quick_jit(metrics.count)

seeds = st.integers(0, 2**32 - 1)


def batch(seed, n=6, classes=4, scale=3.0):
    rng = np.random.default_rng(seed)
    logits = (scale * rng.standard_normal((n, classes))).astype(np.float32)
    return logits, rng.integers(0, classes, n).astype(np.int32)


def reference(logits, labels):
    log_p = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    return {
        "loss": -log_p[np.arange(len(labels)), labels].mean(),
        "accuracy": np.mean(logits.argmax(1) == labels),
    }


def test_log_probabilities_are_scipys_even_when_large():
    logits = np.random.default_rng(0).normal(0, 300, (50, 7)).astype(np.float32)
    expected = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    np.testing.assert_allclose(metrics.log_probabilities(logits), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@given(seed=seeds, n=st.integers(1, 60), scale=st.sampled_from([0.1, 3.0, 1000.0]))
def test_evaluation_is_scipy_s(seed, n, scale):
    logits, labels = batch(seed, n, scale=scale)
    found, expected = metrics.evaluate(logits, labels), reference(logits, labels)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-12, atol=1e-12)
    assert found["accuracy"] == expected["accuracy"]
    assert all(type(value) is float for value in found.values())


@pytest.mark.slow
@settings(max_examples=20)
@given(seed=seeds)
def test_counts_of_a_batch(seed):
    logits, labels = batch(seed)
    counts, expected = count(logits, labels), reference(logits, labels)
    assert (counts.examples, counts.correct) == (6, round(6 * expected["accuracy"]))
    np.testing.assert_allclose(counts.loss, 6 * expected["loss"], rtol=1e-5)
    means = metrics.means(counts)
    np.testing.assert_allclose(means["loss"], expected["loss"], rtol=1e-5)
    assert means["accuracy"] == expected["accuracy"]


@settings(max_examples=20)
@given(seed=seeds)
def test_merging_does_not_depend_on_the_grouping(seed):
    a, b, c = (count(*batch(seed + i)) for i in range(3))
    left = metrics.merge(metrics.merge(a, b), c)
    right = metrics.merge(a, metrics.merge(b, c))
    assert (left.examples, left.correct) == (right.examples, right.correct) == (18, left.correct)
    np.testing.assert_allclose(left.loss, right.loss, rtol=1e-6)
    tiny.assert_same_bits(metrics.merge(a, b), metrics.merge(b, a))
    tiny.assert_same_bits(metrics.merge(a, metrics.zero()), a)


def test_a_mean_over_unequal_batches_is_no_mean_of_means():
    logits, labels = batch(5, n=6)
    parts = metrics.merge(count(logits[:6], labels[:6]), count(*batch(6)))
    both = [np.concatenate(pair) for pair in zip(batch(5), batch(6), strict=True)]
    np.testing.assert_allclose(metrics.means(parts)["loss"], reference(*both)["loss"], rtol=1e-5)


def test_nothing_counted_means_nothing():
    assert metrics.means(metrics.zero()) == {"loss": 0.0, "accuracy": 0.0}


def test_a_loss_that_is_not_a_number_shows():
    logits, labels = batch(0)
    logits[2, 1] = np.nan
    assert np.isnan(metrics.means(count(logits, labels))["loss"])
    assert np.isnan(metrics.evaluate(logits, labels)["loss"])


def test_the_tests_check_the_shapes_in_annotations():
    logits = np.zeros((3, 2), np.float32)
    with pytest.raises(jaxtyping.TypeCheckError, match="labels"):
        metrics.correct(logits, np.zeros(4, np.int32))
    with pytest.raises(jaxtyping.TypeCheckError, match="logits"):
        metrics.correct(logits[0], np.zeros(3, np.int32))

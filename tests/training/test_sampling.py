import functools
import hashlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxletters.training import sampling

pytestmark = pytest.mark.slow

seeds = st.integers(0, 2**32 - 1)

# What takes time here is compiling, once for each length: so lengths are few, and all else varies.
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 97, 1009]
# Batches that straddle two epochs, divide one, are as long as one, or hold a single example.
BATCHES = [(97, 64), (8, 4), (7, 7), (5, 1)]
STEPS = 16
EPOCHS = 17


@functools.partial(tiny.quick_jit, static_argnums=(2, 3))
def _orders(seed, first, count, n):
    epochs = first + jnp.arange(count, dtype=jnp.uint32)
    # A batch as long as an epoch is one.
    return jax.vmap(lambda epoch: sampling.batch_indices(seed, epoch, n, n))(epochs)


@functools.partial(tiny.quick_jit, static_argnums=(2, 3))
def _batches(seed, first, batch_size, n):
    steps = first + jnp.arange(STEPS, dtype=jnp.uint32)
    return jax.vmap(lambda step: sampling.batch_indices(seed, step, batch_size, n))(steps)


def orders(seed, n, first=0, count=EPOCHS):
    return np.asarray(_orders(np.uint32(seed), np.uint32(first), count, n))


def stream(seed, batch_size, n, first=0):
    return np.asarray(_batches(np.uint32(seed), np.uint32(first), batch_size, n)).ravel()


@pytest.mark.parametrize("n", LENGTHS)
@settings(max_examples=5)
@given(seed=seeds, epoch=st.integers(0, (2**32 - 1) // max(LENGTHS) - EPOCHS))
def test_an_epoch_visits_every_example_once(n, seed, epoch):
    order = orders(seed, n, epoch)
    assert order.dtype == np.int32
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(n), (EPOCHS, 1)))


@pytest.mark.parametrize(("n", "batch_size"), BATCHES)
@settings(max_examples=5)
@given(seed=seeds)
def test_batches_are_slices_of_one_epoch_after_the_other(n, batch_size, seed):
    found = stream(seed, batch_size, n)
    np.testing.assert_array_equal(found, orders(seed, n).ravel()[: len(found)])
    for epoch in range(len(found) // n):
        once = np.bincount(found[epoch * n : (epoch + 1) * n], minlength=n)
        np.testing.assert_array_equal(once, np.ones(n))


@settings(max_examples=20)
@given(seed=seeds, step=st.integers(0, (2**32 - 1) // 64 - STEPS))
def test_late_steps_read_their_own_place_of_the_stream(seed, step):
    n, batch_size = 97, 64
    epoch, offset = divmod(step * batch_size, n)
    expected = orders(seed, n, epoch).ravel()[offset : offset + STEPS * batch_size]
    np.testing.assert_array_equal(stream(seed, batch_size, n, step), expected)


def test_compiled_or_not_the_indices_are_the_same():
    # The seed of a run is a Python number, the largest of which no int32 holds; its step is an int32.
    seed, step = 2**32 - 1, 12_345
    eager = sampling.batch_indices(seed, jnp.int32(step), 64, 97)
    assert eager.dtype == jnp.int32
    np.testing.assert_array_equal(eager, stream(seed, 64, 97, step)[:64])


def test_epochs_and_seeds_differ():
    order = np.concatenate([orders(seed, 97) for seed in (0, 1, 2, 2**31, 2**32 - 1)])
    assert len(np.unique(order, axis=0)) == len(order)


def test_the_stream_never_changes_silently():
    # Another value here means that no older run can be continued or repeated.
    digest = hashlib.sha256(stream(7, 64, 97).astype("<i4").tobytes()).hexdigest()
    assert digest == "f58103f31a9b48bff61699d75d563306b1e385da15edc20a18f91bb99db3f1fa"


def test_every_example_is_equally_likely_at_every_position():
    n, epochs = 26, 20_000
    order = orders(0, n, count=epochs)
    counts = np.stack([np.bincount(column, minlength=n) for column in order.T])
    expected = epochs / n
    # Rows and columns both add up to the epochs, so (n - 1)**2 of the n * n cells are free, each with
    # n / (n - 1) times the variance that Pearson's statistic assumes.
    statistic = ((counts - expected) ** 2 / expected).sum() * (n - 1) / n
    assert 1e-3 < stats.chi2.sf(statistic, (n - 1) ** 2) < 1 - 1e-3


def test_every_pair_of_neighbours_is_equally_likely():
    n, epochs = 26, 20_000
    order = orders(1, n, count=epochs)
    counts = np.bincount(order[:, 0] * n + order[:, 1], minlength=n * n).reshape(n, n)
    assert 1e-3 < stats.chisquare(counts[~np.eye(n, dtype=bool)]).pvalue < 1 - 1e-3


def rank_correlations(order):
    """Of each row with the next, in standard deviations of what independent ones would show."""
    positions = np.argsort(order, axis=1)
    pairs = itertools.pairwise(positions)
    return np.array([stats.spearmanr(*pair).statistic for pair in pairs]) * np.sqrt(
        order.shape[1] - 1
    )


def test_successive_epochs_are_independent():
    z = rank_correlations(
        np.concatenate([orders(2, 97, first) for first in range(0, 25 * EPOCHS, EPOCHS)])
    )
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.85 < z.std() < 1.15


def test_successive_seeds_are_independent():
    z = rank_correlations(np.stack([orders(seed, 97)[0] for seed in range(400)]))
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.85 < z.std() < 1.15

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from agreement import assert_close, few, x64
from hypothesis import given
from hypothesis import strategies as st

from jaxletters import ops

pytestmark = pytest.mark.slow

EPSILON = 1e-3


def plain(x, scale, offset):
    """As Ioffe and Szegedy write it (2015, algorithm 1), for JAX to differentiate."""
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return (x - mean) / jnp.sqrt(variance + EPSILON) * scale + offset


def results(function, x, scale, offset, dy):
    @tiny.quick_jit
    def all_four(*values):
        y, transpose = jax.vjp(function, *values)
        return y, *transpose(dy)

    return all_four(x, scale, offset)


def values(shape, dtype, seed=0):
    """Images that are not standardised yet, scales, offsets, and a gradient."""
    rng = np.random.default_rng(seed)
    x = 2 + 3 * rng.standard_normal(shape)
    scale, offset = rng.uniform(0.5, 2, shape[-1]), rng.standard_normal(shape[-1])
    return [a.astype(dtype) for a in (x, scale, offset, rng.standard_normal(shape))]


SHAPES = [(7, 3), (5, 3, 4, 6), (16, 9, 7, 1), (8, 1, 1, 130)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batches_are_standardised(shape):
    expected = None
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        x, scale, offset, dy = values(shape, dtype)
        with x64(dtype == np.float64):
            found = results(lambda *a: ops.batch_norm(*a, EPSILON)[0], x, scale, offset, dy)
            if expected is None:
                expected = results(plain, x, scale, offset, dy)
        assert {a.dtype for a in found} == {np.dtype(dtype)}
        assert_close(found, expected, tolerance)


@few(8)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.integers(0, 2**32 - 1))
def test_mean_and_variance_are_numpy_s(shape, seed):
    x, scale, offset, _ = values(shape, np.float64, seed)
    with x64(True):
        y, mean, variance = tiny.quick_jit(ops.batch_norm)(x, scale, offset, EPSILON)
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(mean, x.mean(axes), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(variance, x.var(axes), rtol=1e-12, atol=1e-12)
    expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + EPSILON) * scale + offset
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)


def test_no_gradient_flows_through_the_statistics():
    x, scale, offset, _ = values((6, 3), np.float32)
    statistics = lambda x: sum(map(jnp.sum, ops.batch_norm(x, scale, offset, EPSILON)[1:]))  # noqa: E731
    assert not np.any(jax.grad(statistics)(x))


def test_channels_without_any_variance():
    # Where rounding errors alone would make the mean of squares less than the square of the mean.
    x = np.full((50, 7, 4), np.float32([0, 0.1, 1000.1, 3e4]))
    ones = np.ones(4, np.float32)
    y, dx, d_scale, d_offset = results(
        lambda *a: ops.batch_norm(*a, EPSILON)[0], x, ones, 0 * ones, np.ones_like(x)
    )
    assert all(np.all(np.isfinite(a)) for a in (y, dx, d_scale))
    assert np.all(ops.batch_norm(x, ones, ones, EPSILON)[2] >= 0)
    np.testing.assert_array_equal(d_offset, np.full(4, 350, np.float32))


def test_each_batch_by_itself():
    sets = [values((4, 3, 2), np.float64, seed) for seed in range(3)]
    stacked = [np.stack(a) for a in zip(*sets, strict=True)]
    with x64(True):
        normed = jax.vmap(lambda *a: ops.batch_norm(*a, EPSILON)[0])
        found = results(normed, *stacked)
        expected = results(jax.vmap(plain), *stacked)
    assert_close(found, expected, 1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bias_s_gradient_is_the_sum(shape, dtype):
    x, _, bias, dy = values(shape, dtype)
    with x64(dtype == np.float64):

        @tiny.quick_jit
        def both(x, bias, dy):
            y, transpose = jax.vjp(ops.add_bias, x, bias)
            return y, *transpose(dy)

        y, dx, d_bias = both(x, bias, dy)
    np.testing.assert_array_equal(y, x + bias, strict=True)
    np.testing.assert_array_equal(dx, dy, strict=True)
    expected = np.float64(dy).sum(tuple(range(dy.ndim - 1)))
    assert d_bias.dtype == dtype
    assert_close(d_bias, expected, {np.float32: 1e-5, np.float64: 1e-12}[dtype])

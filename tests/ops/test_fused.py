"""Convolution and pooling in one call, whatever computes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from agreement import assert_close, few, x64
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from jaxletters import ops

pytestmark = pytest.mark.slow


def reference(x, kernel, padding):
    numbers = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=numbers)
    return lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def pooled(function, padding, x, kernel):
    """The pooled numbers, and the gradients of them times as many different factors."""

    @tiny.quick_jit
    def all_three(x, kernel):
        y, transpose = jax.vjp(lambda x, kernel: function(x, kernel, padding), x, kernel)
        dy = jnp.arange(1, y.size + 1, dtype=y.dtype).reshape(y.shape) % 17
        return y, *transpose(dy)

    return all_three(x, kernel)


def compare(batch, size, channels, edge, padding):
    # In float64 only: where two of a window are as good as equal, rounding decides which one wins.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, *size, channels[0]))
    kernel = rng.standard_normal((edge, edge, *channels))
    with x64(True):
        found = pooled(ops.conv2d_max_pool, padding, x, kernel)
        expected = pooled(reference, padding, x, kernel)
    assert_close(found, expected, 1e-12)


@few(6)
@given(
    st.integers(1, 5),
    st.tuples(st.integers(6, 13), st.integers(6, 13)),
    st.tuples(st.sampled_from([1, 2, 5]), st.sampled_from([1, 3, 4])),
    st.integers(1, 5),
    st.sampled_from(["SAME", "VALID"]),
)
def test_it_is_the_pooling_of_the_convolution(batch, size, channels, edge, padding):
    compare(batch, size, channels, edge, padding)


# The first layers of the networks, and what follows them.
@pytest.mark.parametrize(
    ("size", "channels", "edge", "padding"),
    [
        ((28, 28), (1, 8), 3, "VALID"),
        ((28, 28), (1, 4), 7, "SAME"),
        ((13, 13), (32, 64), 3, "VALID"),
        ((9, 9), (64, 64), 3, "VALID"),
        ((7, 7), (256, 256), 3, "SAME"),
    ],
)
def test_the_layers_of_the_networks(size, channels, edge, padding):
    compare(2, size, channels, edge, padding)


# Small integers add up without rounding, so that ties are ties and all bits are the same.
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("edge", [3, 4])
def test_the_first_of_the_largest_wins(edge, padding):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2, 9, 10, 1)).astype(np.float32)
    kernel = rng.integers(-1, 2, (edge, edge, 1, 3)).astype(np.float32)
    found = pooled(ops.conv2d_max_pool, padding, x, kernel)
    tiny.assert_same_bits(found, pooled(reference, padding, x, kernel))


@pytest.mark.parametrize("channels", [(1, 3), (2, 3)], ids=str)
def test_each_of_several_kernels_has_its_own_images(channels):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 2, 7, 8, channels[0]))
    kernel = rng.standard_normal((3, 3, 3, *channels))
    with x64(True):

        def each(function, padding):
            return jax.vmap(lambda x, kernel: function(x, kernel, padding))

        found, expected = (
            pooled(lambda x, kernel, padding, f=f: each(f, padding)(x, kernel), "VALID", x, kernel)
            for f in (ops.conv2d_max_pool, reference)
        )
    assert_close(found, expected, 1e-12)

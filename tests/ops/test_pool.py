import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from agreement import few, x64
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from jaxletters import ops


def reference(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def results(pool, x, dy):
    """The pooled numbers and the gradient."""

    @tiny.quick_jit
    def both(x, dy):
        y, transpose = jax.vjp(pool, x)
        return y, *transpose(dy)

    return both(x, dy)


SHAPES = st.tuples(*(st.integers(a, b) for a, b in ((1, 3), (2, 9), (2, 9), (1, 4))))


# Three numbers only, so that most windows have ties.
@pytest.mark.slow
@few(8)
@given(
    st.sampled_from([np.float32, np.float64]),
    SHAPES,
    st.sampled_from([(0, 1, 2), (-np.inf, 0, 1), (-1e30, -2, 1e-40)]),
)
def test_the_first_of_the_largest_wins(dtype, shape, values):
    rng = np.random.default_rng(0)
    x = rng.choice(np.array(values, dtype), shape)
    batch, height, width, channels = shape
    dy = rng.standard_normal((batch, height // 2, width // 2, channels)).astype(dtype)
    with x64(dtype == np.float64):
        found, expected = results(ops.max_pool, x, dy), results(reference, x, dy)
    tiny.assert_same_bits(found, expected)
    assert found[1].dtype == dtype


def test_every_pattern_of_ties():
    windows = np.stack(np.meshgrid(*4 * [np.arange(4)]), -1).reshape(-1, 2, 2, 1).astype(np.float32)
    dy = np.arange(1, len(windows) + 1, dtype=np.float32).reshape(-1, 1, 1, 1)
    y, dx = results(ops.max_pool, windows, dy)
    flat = windows.reshape(-1, 4)
    np.testing.assert_array_equal(np.ravel(y), flat.max(1))
    np.testing.assert_array_equal(
        np.reshape(dx, (-1, 4)), np.eye(4)[flat.argmax(1)] * dy[..., 0, 0]
    )


@pytest.mark.parametrize("place", range(4))
def test_a_window_with_a_nan_is_nan_and_no_other(place):
    x = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    expected = np.array(reference(x))
    x[0, place // 2, 2 + place % 2, 1] = np.nan
    expected[0, 0, 1, 1] = np.nan
    np.testing.assert_array_equal(ops.max_pool(x), expected)


@pytest.mark.slow
def test_each_set_of_images_by_itself():
    x = np.random.default_rng(0).integers(0, 3, (3, 2, 5, 4, 2)).astype(np.float32)
    dy = np.random.default_rng(1).standard_normal((3, 2, 2, 2, 2), np.float32)
    tiny.assert_same_bits(
        results(jax.vmap(ops.max_pool), x, dy), results(jax.vmap(reference), x, dy)
    )

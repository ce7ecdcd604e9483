import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import tiny
from agreement import (
    Sums,
    arrays,
    assert_close,
    assert_sums,
    by_numpy,
    check,
    few,
    layer,
    layers,
    x64,
)
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from jaxletters import ops
from jaxletters.ops import convolution, direct, im2col

pytestmark = pytest.mark.slow


def by_lax(layer, x, kernel, dy):
    """As XLA defines it, which is written down here once more."""

    def forward(x, kernel):
        strides = (layer.stride, layer.stride)
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, kernel, strides, layer.pads, dimension_numbers=numbers)

    y, transpose = jax.vjp(forward, x, kernel)
    return Sums(y, *transpose(dy))


def by_form(form):
    """A module or a row of the table that has all three."""
    return lambda layer, x, kernel, dy: Sums(
        form.forward(x, kernel, layer),
        form.input_gradient(dy, kernel, layer),
        form.kernel_gradient(x, dy, layer),
    )


def by_entry_point(padding):
    """What networks call, and what JAX differentiates it to."""

    def sums(layer, x, kernel, dy):
        y, transpose = jax.vjp(lambda x, k: ops.conv2d(x, k, layer.stride, padding), x, kernel)
        return Sums(y, *transpose(dy))

    return sums


def test_the_sums_by_numpy_are_scipy_s():
    one = layer(1, (6, 7), (1, 1), 3, padding="VALID")
    x, kernel, dy = arrays(one, np.float64)
    image, filter_, above = x[0, ..., 0], kernel[..., 0, 0], dy[0, ..., 0]
    found = by_numpy(one, x, kernel, dy)
    correlate, convolve = scipy.signal.correlate2d, scipy.signal.convolve2d
    np.testing.assert_allclose(found.y[0, ..., 0], correlate(image, filter_, "valid"))
    np.testing.assert_allclose(found.dx[0, ..., 0], convolve(above, filter_, "full"))
    np.testing.assert_allclose(found.dk[..., 0, 0], correlate(image, above, "valid"))


# A few images with each size of kernel and stride, by XLA and by all that computes any layer.
@few(6)
@given(
    layers(st.integers(1, 5), st.integers(1, 2), st.sampled_from([1, 2, 3, 5, 17])),
)
def test_every_form_adds_up_the_same(layer):
    check(layer, [by_lax, by_form(direct), by_form(im2col)])


@pytest.mark.parametrize(
    "layer",
    [
        layer(2, (13, 8), (1, 4), 7),
        layer(3, (9, 10), (2, 3), 7, 2, "SAME"),
    ],
    ids=str,
)
def test_large_kernels(layer):
    check(layer, [by_lax, by_form(direct), by_form(im2col)])


@pytest.mark.parametrize("channels", [(1, 512), (512, 1), (96, 130)], ids=str)
def test_many_channels(channels):
    check(layer(3, (5, 6), channels, 3, padding="VALID"), [by_form(im2col)])


def first_row(layer):
    return next(i for i, choice in enumerate(convolution.CHOICES) if choice.when(layer))


def cheapest_layers():
    """For each row of the table that chooses, the least work that it is chosen for, with its padding."""
    found = {}
    for side, edge, stride, padding, channels, batch in itertools.product(
        (*range(2, 17), 28),
        range(1, 8),
        (1, 2),
        ("SAME", "VALID"),
        itertools.product((1, 3, 32, 64, 128, 256, 512), repeat=2),
        (2, 64),
    ):
        if padding == "VALID" and side < edge:
            continue
        candidate = layer(batch, (side, side), channels, edge, stride, padding)
        work = batch * np.prod(candidate.out) * edge**2 * np.prod(channels) + side
        row = first_row(candidate)
        if row not in found or work < found[row][0]:
            found[row] = work, candidate, padding
    return {row: chosen for row, (_, *chosen) in found.items()}


CHEAPEST = cheapest_layers()


@pytest.mark.parametrize("row", range(len(convolution.CHOICES)))
def test_what_the_table_chooses_adds_up_the_same(row):
    assert row in CHEAPEST, "never chosen: an earlier row has all of its layers"
    layer, padding = CHEAPEST[row]
    check(layer, [by_form(convolution.CHOICES[row]), by_entry_point(padding)])


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_paddings_are_xla_s(padding, stride):
    # Small integers, which no form rounds.
    x = np.arange(2 * 9 * 8, dtype=np.float32).reshape(2, 9, 8, 1)
    kernel = np.arange(4 * 4 * 2, dtype=np.float32).reshape(4, 4, 1, 2)
    numbers = ("NHWC", "HWIO", "NHWC")
    expected = lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=numbers
    )
    # Outside of jit, too.
    np.testing.assert_array_equal(ops.conv2d(x, kernel, stride, padding), expected)


# One layer of each kind of form: over patches, over taps, in tiles of a row, in tiles.
KINDS = {
    "first": layer(2, (6, 5), (1, 3), 3),
    "valid": layer(2, (6, 5), (2, 3), 3, padding="VALID"),
    "stride": layer(2, (6, 5), (2, 3), 3, 2),
    "same": layer(2, (6, 5), (2, 3), 3),
    "rows": layer(1, (6, 6), (64, 64), 3),
    "tiles": layer(2, (3, 3), (256, 256), 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_several_kernels_has_its_own_images(kind):
    one = KINDS[kind]
    padding = "VALID" if kind == "valid" else "SAME"
    sets = [arrays(one, np.float64, seed) for seed in (0, 1)]
    stacked = [np.stack(a) for a in zip(*sets, strict=True)]
    with x64(True):
        each = jax.vmap(lambda *values: by_entry_point(padding)(one, *values))
        found = tiny.quick_jit(each)(*stacked)
    for i, values in enumerate(sets):
        assert_sums(one, Sums(*(a[i] for a in found)), by_numpy(one, *values))


def test_one_kernel_for_several_sets_of_images_has_the_sum_of_their_gradients():
    one = KINDS["first"]
    x, kernel, dy = arrays(one, np.float64)
    xs, dys = (np.stack([a, 2 * a, -a]) for a in (x, dy))

    def summed(kernel):
        return jnp.sum(jax.vmap(ops.conv2d, (0, None))(xs, kernel) * dys)

    with x64(True):
        found = tiny.quick_jit(jax.grad(summed))(kernel)
    assert_close(found, (1 + 4 + 1) * by_numpy(one, x, kernel, dy).dk, 1e-12)


@pytest.mark.parametrize("kind", ["first", "valid"])
def test_either_gradient_alone_and_computed_again(kind):
    one = KINDS[kind]
    padding = "VALID" if kind == "valid" else "SAME"
    x, kernel, dy = arrays(one, np.float64)

    def total(x, kernel):
        return jnp.sum(ops.conv2d(x, kernel, padding=padding) * dy)

    with x64(True):
        only = tiny.quick_jit(lambda *a: (jax.grad(total)(*a), jax.grad(total, 1)(*a)))(x, kernel)
        again = tiny.quick_jit(jax.grad(jax.checkpoint(total), (0, 1)))(x, kernel)
    expected = by_numpy(one, x, kernel, dy)[1:]
    assert_close((only, again), (expected, expected), 1e-12)

# pyright: standard
"""Convolution on CPUs: for each layer the fastest of several algorithms for the same sum."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxletters.ops import direct, fused, im2col, pool, winograd
from jaxletters.ops.barrier import stored
from jaxletters.ops.geometry import Layer

_Algorithm = Callable[[jax.Array, jax.Array, Layer], jax.Array]


class Choice(NamedTuple):
    """The algorithms of a layer: forward, and the gradients of its input and its kernel."""

    when: Callable[[Layer], bool]
    forward: _Algorithm
    input_gradient: _Algorithm
    kernel_gradient: _Algorithm


def _narrow(layer: Layer) -> bool:
    return layer.channels[0] == 1


def _wide_3x3(layer: Layer, channels: int) -> bool:
    return layer.edge == 3 and layer.stride == 1 and min(layer.channels) >= channels


def _valid(layer: Layer) -> bool:
    (top, _), (left, _) = layer.pads
    return top == left == 0


_THREES, _FOURS = winograd.Tiles(3), winograd.Tiles(4)

# The first row with a true condition applies. Measured on two cores with AVX2 or AVX-512, jaxlib 0.10.2.
CHOICES = (
    Choice(_narrow, im2col.forward, im2col.input_gradient, im2col.kernel_gradient),
    Choice(
        lambda layer: _wide_3x3(layer, 64) and max(layer.out) == 3,
        _THREES.forward,
        _THREES.input_gradient,
        _THREES.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 64) and 3 < max(layer.out) <= 6,
        _THREES.forward,
        winograd.rows_input_gradient,
        _THREES.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 64) and 6 < max(layer.out) <= 12,
        _FOURS.forward,
        _FOURS.input_gradient,
        _FOURS.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 64) and max(layer.out) > 12,
        winograd.rows_forward,
        winograd.rows_input_gradient,
        _FOURS.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 32) and max(layer.out) > 3 and _valid(layer),
        winograd.rows_forward,
        im2col.input_gradient,
        direct.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 32) and max(layer.out) > 3 and max(layer.out) % 4 == 0,
        winograd.rows_forward,
        winograd.rows_input_gradient,
        _FOURS.kernel_gradient,
    ),
    Choice(
        lambda layer: _wide_3x3(layer, 32) and max(layer.out) > 3,
        winograd.rows_forward,
        winograd.rows_input_gradient,
        direct.kernel_gradient,
    ),
    Choice(
        lambda layer: layer.stride > 1 and layer.edge == 1,
        direct.forward,
        im2col.input_gradient,
        im2col.kernel_gradient,
    ),
    Choice(
        lambda layer: layer.stride > 1 or _valid(layer),
        direct.forward,
        im2col.input_gradient,
        direct.kernel_gradient,
    ),
    Choice(lambda _: True, direct.forward, direct.input_gradient, direct.kernel_gradient),
)


def _choice(layer: Layer) -> Choice:
    return next(choice for choice in CHOICES if choice.when(layer))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv2d(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Convolves `[b, h, w, in]` with `[edge, edge, in, out]`; the gradients have their own algorithms."""
    return _choice(layer).forward(stored(x), kernel, layer)


def _forward(
    x: jax.Array, kernel: jax.Array, layer: Layer
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    x = stored(x)
    return conv2d(x, kernel, layer), (x, kernel)


def _backward(
    layer: Layer, saved: tuple[jax.Array, jax.Array], dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    dy = stored(dy)
    choice = _choice(layer)
    return choice.input_gradient(dy, kernel, layer), choice.kernel_gradient(x, dy, layer)


conv2d.defvjp(_forward, _backward)


def conv2d_max_pool(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Convolves, then takes the maximum of each 2x2 window."""
    if _narrow(layer) and layer.edge == 3:
        return fused.conv2d_max_pool(x, kernel, layer)
    return pool.max_pool(conv2d(x, kernel, layer))

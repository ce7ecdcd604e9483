# pyright: standard
"""The convolution and max-pooling of a first layer in one pass, without storing the convolution."""

import functools

import jax
import jax.numpy as jnp

from jaxletters.ops import geometry, im2col, pool
from jaxletters.ops.barrier import stored
from jaxletters.ops.geometry import Layer


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv2d_max_pool(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Pools the convolution of `[b, h, w, 1]` with `[edge, edge, 1, out]`, with stride 1.

    One input channel needs so few multiplications that the pooling's loop can compute them: each output is
    the maximum of four sums over edge² shifted slices.
    """
    return pool.largest(*_views(x, kernel, layer))


def _views(x: jax.Array, kernel: jax.Array, layer: Layer) -> list[jax.Array]:
    """Returns the convolution at each of the four positions of the windows: `[b, h / 2, w / 2, out]`."""
    edge = layer.edge
    height, width = layer.out
    taps = geometry.windows(x, edge + 1, 2, layer.pads, (height // 2, width // 2))

    def view(down: int, right: int) -> jax.Array:
        terms = [
            taps[(down + i) * (edge + 1) + right + j] * kernel[i, j, 0]
            for i in range(edge)
            for j in range(edge)
        ]
        return functools.reduce(jnp.add, terms)

    return [view(down, right) for down in (0, 1) for right in (0, 1)]


def _forward(
    x: jax.Array, kernel: jax.Array, layer: Layer
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    views = _views(x, kernel, layer)
    return pool.largest(*views), (x, kernel, stored(pool.winner(*views)))


def _backward(
    layer: Layer, saved: tuple[jax.Array, jax.Array, jax.Array], dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel, winner = saved
    dy = stored(pool.unpool(winner, stored(dy), layer.out))
    return im2col.input_gradient(dy, kernel, layer), im2col.kernel_gradient(x, dy, layer)


conv2d_max_pool.defvjp(_forward, _backward)

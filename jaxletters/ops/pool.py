# pyright: standard
"""Max-pooling of 2x2 windows that stores the position of each maximum in one byte."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxletters.ops.barrier import stored


def reference(x: jax.Array) -> jax.Array:
    """XLA's pooling; drops a last odd row or column."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


@jax.custom_vjp
def max_pool(x: jax.Array) -> jax.Array:
    """The same for CPUs, where the gradient of XLA's pooling takes a quarter of a training step or more."""
    return largest(*_views(x))


def _views(x: jax.Array) -> list[jax.Array]:
    height, width = (n // 2 * 2 for n in x.shape[1:3])
    return [x[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]


def largest(*views: jax.Array) -> jax.Array:
    """Returns the elementwise maximum; NaN if any operand is NaN."""
    return functools.reduce(jnp.maximum, views)


def winner(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """Returns the index of the largest of four as uint8; the first among equals, as in XLA."""
    above, below = jnp.maximum(a, b), jnp.maximum(c, d)
    return jnp.where(below > above, 2 + (d > c), b > a).astype(jnp.uint8)


def unpool(winner: jax.Array, dy: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Writes `dy` to the positions of the maxima and zeros elsewhere: `[b, h, w, c]` to `[b, *size, c]`."""
    batch, rows, columns, channels = dy.shape
    # One pass over [b, rows, 2, columns, 2, c] that writes every position once, without a scatter.
    position = jnp.arange(4, dtype=jnp.uint8).reshape(1, 1, 2, 1, 2, 1)
    is_winner = winner[:, :, None, :, None] == position
    dx = jnp.where(is_winner, dy[:, :, None, :, None], 0).reshape(
        batch, 2 * rows, 2 * columns, channels
    )
    return jnp.pad(dx, ((0, 0), (0, size[0] - 2 * rows), (0, size[1] - 2 * columns), (0, 0)))


def _forward(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, tuple[int, int]]]:
    x = stored(x)
    views = _views(x)
    return largest(*views), (stored(winner(*views)), (x.shape[1], x.shape[2]))


def _backward(saved: tuple[jax.Array, tuple[int, int]], dy: jax.Array) -> tuple[jax.Array]:
    winner, size = saved
    return (unpool(winner, stored(dy), size),)


max_pool.defvjp(_forward, _backward)

# pyright: standard
"""Bias and batch normalisation, with fast sums over a batch on CPUs."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxletters.ops.barrier import stored

Saved = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


def _sum(x: jax.Array) -> jax.Array:
    """Sums over all axes but the last.

    CPUs use a matrix product, which is two to seven times faster than XLA's reduction.
    """
    x = x.reshape(-1, x.shape[-1])
    return lax.platform_dependent(
        x, cpu=lambda x: jnp.ones(len(x), x.dtype) @ x, default=lambda x: x.sum(0)
    )


@jax.custom_vjp
def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """Adds `[c]` to `[..., c]`."""
    return x + bias


add_bias.defvjp(lambda x, bias: (x + bias, None), lambda _, dy: (dy, _sum(dy)))


@jax.custom_vjp
def _standardize(
    x: jax.Array, scale: jax.Array, offset: jax.Array, epsilon: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return _forward(x, scale, offset, epsilon)[0]


def _forward(
    x: jax.Array, scale: jax.Array, offset: jax.Array, epsilon: jax.Array
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], Saved]:
    count = x.size // x.shape[-1]
    mean = _sum(x) / count
    variance = jnp.maximum(_sum(x * x) / count - mean * mean, 0)
    inverse = lax.rsqrt(variance + epsilon)
    return ((x - mean) * (scale * inverse) + offset, mean, variance), (x, scale, mean, inverse)


def _backward(
    saved: Saved, gradients: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    x, scale, mean, inverse = saved
    dy = lax.platform_dependent(gradients[0], cpu=stored, default=lambda dy: dy)
    count = x.size // x.shape[-1]
    centred = x - mean
    d_offset = _sum(dy)
    d_scale = _sum(dy * centred) * inverse
    along = d_scale * inverse / count
    dx = scale * inverse * (dy - d_offset / count - centred * along)
    return dx, d_scale, d_offset, jnp.zeros_like(inverse, shape=())


_standardize.defvjp(_forward, _backward)


def batch_norm(
    x: jax.Array, scale: jax.Array, offset: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Standardises `[..., c]` over all axes but the last, then scales and shifts.

    Returns:
        the result, and the batch's mean and (biased) variance `[c]`; no gradient flows through these.
    """
    return _standardize(x, scale, offset, jnp.asarray(epsilon, x.dtype))

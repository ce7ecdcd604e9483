# pyright: standard
"""Processes a batch in parts, so that intermediate results stay in the cache."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

# Elements of a part's largest array: 16 MiB of float32, for a last-level cache of 32 MiB.
_CACHED = 2**22


def count(batch: int, elements: int) -> int:
    """Returns the number of parts for a batch with so many elements in its largest array."""
    return min(-(-elements // _CACHED), batch)


def mapped(function: Callable[[jax.Array], jax.Array], parts: int, x: jax.Array) -> jax.Array:
    """Applies a function from batches `[b, ...]` to batches part by part."""
    if parts == 1:
        return function(x)
    y = lax.map(function, _split(x, parts))
    return y.reshape(-1, *y.shape[2:])[: len(x)]


def summed(function: Callable[..., jax.Array], parts: int, *arrays: jax.Array) -> jax.Array:
    """Sums a function over the parts of batches `[b, ...]`; it must map zeros to zeros."""
    if parts == 1:
        return function(*arrays)
    split = tuple(_split(x, parts) for x in arrays)
    result = jax.eval_shape(function, *(x[0] for x in split))
    zero = jnp.zeros(result.shape, result.dtype)
    total, _ = lax.scan(lambda total, part: (total + function(*part), None), zero, split)
    return total


def _split(x: jax.Array, parts: int) -> jax.Array:
    """Reshapes `[b, ...]` to `[parts, images, ...]`, padded with zeros."""
    images = -(-len(x) // parts)
    x = jnp.pad(x, ((0, images * parts - len(x)), *((0, 0),) * (x.ndim - 1)))
    return x.reshape(parts, images, *x.shape[1:])

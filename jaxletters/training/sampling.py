"""The examples of each step, as a pure function of (seed, step) that is equal on every device and host.

The examples form an endless stream: epoch after epoch, each a new pseudo-random permutation of all
examples. Step t reads positions [t * batch_size, (t + 1) * batch_size) of the stream, so an epoch contains
every example exactly once, also if the batch size does not divide their number.

No permutation is materialised. A Feistel cipher computes each element independently; cycle walking
restricts its domain to n (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002; used for shuffling
by Mitchell et al., Bandwidth-Optimal Random Shuffling for GPUs, 2021). So a step costs O(batch) for any
size of the dataset, and may straddle two epochs.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxletters.core import rng

_ROUNDS = 8


# The cipher computes the same bits from arrays of JAX and of NumPy.
def _mix(x: Any) -> Any:
    """The finalizer of MurmurHash3 (Appleby, 2011): a bijection of uint32 with full avalanche."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def _half_bits(n: int) -> int:
    """Returns half the bits of the smallest domain of the cipher that contains [0, n)."""
    return max(1, ((n - 1).bit_length() + 1) // 2)


def _encrypt(round_keys: Any, half_bits: int, x: Any) -> Any:
    """A balanced Feistel cipher on [0, 4**half_bits)."""
    mask = np.uint32((1 << half_bits) - 1)
    left, right = x >> half_bits, x & mask
    for i in range(_ROUNDS):
        left, right = right, left ^ (_mix(right ^ round_keys[i]) & mask)
    return (left << half_bits) | right


def _permute(round_keys: jax.Array, n: int, x: jax.Array) -> jax.Array:
    """Returns the image of each x in [0, n) under one permutation of [0, n)."""
    encrypt = functools.partial(_encrypt, round_keys, _half_bits(n))
    # Cycle walking: values outside [0, n) are encrypted again until all are inside.
    return jax.lax.while_loop(
        lambda y: jnp.any(y >= n), lambda y: jnp.where(y >= n, encrypt(y), y), encrypt(x)
    )


def _round_keys(seed: int, epoch: int | jax.Array) -> jax.Array:
    """Returns the cipher's keys, which choose the permutation of an epoch: uint32 `[rounds]`."""
    return jax.random.bits(rng.key(seed, rng.Stream.SHUFFLE, epoch), (_ROUNDS,), jnp.uint32)


def batch_indices(seed: int, step: int | jax.Array, batch_size: int, n: int) -> jax.Array:
    """Returns the examples of one step.

    Args:
        seed: the run's seed.
        step: the number of previous steps; may be traced. `step * batch_size` stays below 2**32.
        batch_size: examples per step, at most `n`.
        n: examples in the dataset.

    Returns:
        int32 `[batch_size]`, each in `[0, n)`.
    """
    start = jnp.asarray(step).astype(jnp.uint32) * jnp.uint32(batch_size)
    epoch, offset = start // n, start % n
    position = offset + jnp.arange(batch_size, dtype=jnp.uint32)
    # A batch is no larger than an epoch, so it covers this epoch and at most the next one.
    current = _permute(_round_keys(seed, epoch), n, position % n)
    following = _permute(_round_keys(seed, epoch + 1), n, position % n)
    return jnp.where(position < n, current, following).astype(jnp.int32)


def batch_indices_on_host(seed: int, steps: range, batch_size: int, n: int) -> NDArray[np.int32]:
    """Returns what `batch_indices` does for each of some consecutive steps, computed by NumPy.

    Many steps at once cost little more than one, because most of the time passes between NumPy's operations.

    Returns:
        int32 `[steps, batch_size]`.
    """
    starts = np.arange(steps.start, steps.stop, dtype=np.uint64) * batch_size % 2**32
    epochs, offsets = np.divmod(starts[:, None] + np.arange(batch_size, dtype=np.uint64), n)
    indices = np.empty(epochs.shape, np.uint32)
    for epoch in np.unique(epochs):
        chosen = epochs == epoch
        keys = _round_keys_on_host(seed, int(epoch))
        indices[chosen] = _permute_on_host(keys, n, offsets[chosen].astype(np.uint32))
    return indices.astype(np.int32)


@functools.lru_cache(maxsize=4)
def _round_keys_on_host(seed: int, epoch: int) -> NDArray[np.uint32]:
    return np.asarray(_round_keys(seed, epoch))


def _permute_on_host(
    round_keys: NDArray[np.uint32], n: int, x: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    encrypt: Any = functools.partial(_encrypt, round_keys, _half_bits(n))
    y: NDArray[np.uint32] = encrypt(x)
    while len(outside := np.flatnonzero(y >= n)):
        y[outside] = encrypt(y[outside])
    return y

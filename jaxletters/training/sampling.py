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

import jax
import jax.numpy as jnp

from jaxletters.core import rng

_ROUNDS = 8


def _mix(x: jax.Array) -> jax.Array:
    """The finalizer of MurmurHash3 (Appleby, 2011): a bijection of uint32 with full avalanche."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def _encrypt(round_keys: jax.Array, half_bits: int, x: jax.Array) -> jax.Array:
    """A balanced Feistel cipher on [0, 4**half_bits)."""
    mask = jnp.uint32((1 << half_bits) - 1)
    left, right = x >> half_bits, x & mask
    for i in range(_ROUNDS):
        left, right = right, left ^ (_mix(right ^ round_keys[i]) & mask)
    return (left << half_bits) | right


def _permute(round_keys: jax.Array, n: int, x: jax.Array) -> jax.Array:
    """Returns the image of each x in [0, n) under one permutation of [0, n)."""
    half_bits = max(1, ((n - 1).bit_length() + 1) // 2)
    encrypt = functools.partial(_encrypt, round_keys, half_bits)
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

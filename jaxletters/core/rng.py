"""PRNG keys as a pure function of (seed, stream, ids), so that checkpoints hold no key."""

import enum

import jax


class Stream(enum.IntEnum):
    """The purpose of a key; two streams never share a key. Every run's numbers depend on the values."""

    INIT = 0
    SPLIT = 1
    SHUFFLE = 2
    AUGMENT = 3
    DROPOUT = 4
    FOLDS = 5
    TEST = 6
    LIMIT = 7
    STAGE = 8


def key(seed: int, stream: Stream, *ids: int | jax.Array) -> jax.Array:
    """Returns the PRNG key of one use of randomness.

    Args:
        seed: the seed of the run, 0 <= seed < 2**32.
        stream: the purpose of the key.
        *ids: distinguish the uses within the stream (step, epoch, example ...); may be traced.
    """
    result = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), int(stream))
    for i in ids:
        result = jax.random.fold_in(result, i)
    return result


def stage_seed(seed: int, stage: int) -> int:
    """Returns the seed of one stage of a run, 0 <= result < 2**32, so that stages draw different batches.

    The first stage, 0, uses the seed of the run.
    """
    return int(jax.random.bits(key(seed, Stream.STAGE, stage))) if stage else seed

"""Random keys as a pure function of (seed, stream, ids): nothing but the step has to be remembered."""

import enum

import jax


class Stream(enum.IntEnum):
    """What a key is for; two streams never share a key. The numbers are part of every run's identity."""

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
    """Returns the key of one use of randomness.

    Args:
        seed: the run's seed, 0 <= seed < 2**32.
        stream: what the key is for.
        *ids: what tells this use from others in the stream (step, epoch, example ...); may be traced.
    """
    result = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), int(stream))
    for i in ids:
        result = jax.random.fold_in(result, i)
    return result


def stage_seed(seed: int, stage: int) -> int:
    """Returns the seed of one stage of a run, so that no two stages draw the same batches or masks.

    The first stage, 0, has the seed of the run; 0 <= result < 2**32.
    """
    return int(jax.random.bits(key(seed, Stream.STAGE, stage))) if stage else seed

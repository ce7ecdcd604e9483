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

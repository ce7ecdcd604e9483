"""A border that XLA's fusion does not cross."""

import jax
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata


@jax.jit
def _as_it_is(x: jax.Array) -> jax.Array:
    # Without an operation in it, JAX would leave the call out.
    return lax.optimization_barrier(x)


def stored(x: jax.Array) -> jax.Array:
    """Returns `x`, computed once and kept.

    XLA's CPU compiler fuses what is cheap per element into each of its consumers, a whole first layer
    into the transposition of its output, say, and so computes it several times and in a bad order. A call
    that may not be inlined stops it; `lax.optimization_barrier` alone is gone before fusion begins.
    """
    with set_xla_metadata(inlineable="false"):
        return _as_it_is(x)

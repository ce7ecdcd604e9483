# pyright: standard
"""A barrier against XLA's fusion."""

import jax
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata


@jax.jit
def _identity(x: jax.Array) -> jax.Array:
    # Without an operation, JAX would remove the call.
    return lax.optimization_barrier(x)


def stored(x: jax.Array) -> jax.Array:
    """Returns `x`, computed once and stored in memory.

    XLA's CPU compiler fuses operations that are cheap per element into each of their consumers, such as a
    first layer into the transposition of its output, and so computes them repeatedly and in a slow order. A
    call that must not be inlined prevents this; XLA removes a `lax.optimization_barrier` before fusion.
    """
    with set_xla_metadata(inlineable="false"):
        return _identity(x)

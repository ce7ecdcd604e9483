"""A network as a function of images, with its weights inside, and as a serialized StableHLO program."""

import contextlib
import functools
from collections.abc import Callable, Generator
from typing import cast

import jax
import jax.export
import jax.numpy as jnp

from jaxletters.core.types import Model, Variables
from jaxletters.evaluation import inference

PLATFORMS = ("cpu", "cuda", "tpu")

LogitsFn = Callable[[jax.Array], jax.Array]
"""From uint8 images `[b, *image_shape]` to float32 logits `[b, classes]`."""


def logits_fn(model: Model, variables: Variables) -> LogitsFn:
    """Returns the function that a network computes."""
    return functools.partial(inference.forward, model, variables)


def for_any_batch(logits: LogitsFn, shape: tuple[int, ...]) -> LogitsFn:
    """Returns a function that can be traced with a symbolic batch size.

    That is `logits` itself, unless it needs the batch size as a number, as `len(x)` does in a user's network.
    """
    try:
        jax.eval_shape(logits, image_spec(shape))
    except Exception:  # the type depends on the network
        return jax.vmap(lambda image: logits(image[None])[0])
    return logits


def image_spec(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """Returns the abstract images to trace a function with: uint8 `[batch, *shape]`, `batch` symbolic."""
    (batch,) = jax.export.symbolic_shape("batch")
    return jax.ShapeDtypeStruct((batch, *shape), jnp.uint8)


def serialize(logits: LogitsFn, shape: tuple[int, ...]) -> bytes:
    """Returns the program of a function of any number of images, for all of PLATFORMS."""
    with _without_source_paths():
        exported = jax.export.export(jax.jit(logits), platforms=PLATFORMS)(image_spec(shape))
    return bytes(exported.serialize())


@contextlib.contextmanager
def _without_source_paths() -> Generator[None]:
    """Prevents JAX from writing the paths of source files on this machine into programs."""
    name = "jax_traceback_in_locations_limit"
    previous = cast(int, jax.config.values[name])
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, previous)

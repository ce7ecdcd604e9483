"""A network as one function of images, weights inside, and as a program that JAX runs anywhere."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import jax
import jax.export
import jax.numpy as jnp

from jaxletters import inference
from jaxletters.types import Model, Variables

PLATFORMS = ("cpu", "cuda", "tpu")


def function(model: Model, variables: Variables) -> Callable[[jax.Array], jax.Array]:
    """Returns the network as a function from uint8 images `[b, h, w]` to logits `[b, classes]`."""
    return functools.partial(inference.logits, model, variables)


def images(shape: tuple[int, int]) -> jax.ShapeDtypeStruct:
    """Returns what stands for any number of images where a function is traced: uint8 `[batch, h, w]`."""
    (batch,) = jax.export.symbolic_shape("batch")
    return jax.ShapeDtypeStruct((batch, *shape), jnp.uint8)


def serialized(read: Callable[[jax.Array], jax.Array], shape: tuple[int, int]) -> bytes:
    """Returns the program of a function of any number of images, for all of PLATFORMS."""
    with _no_paths():
        exported = jax.export.export(jax.jit(read), platforms=PLATFORMS)(images(shape))
    return bytes(exported.serialize())


@contextlib.contextmanager
def _no_paths() -> Iterator[None]:
    """Keeps the source files' paths on this machine out of programs, where JAX writes them."""
    name = "jax_traceback_in_locations_limit"
    before = jax.config.values[name]
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)

"""A network as one function of images, weights inside, and as a program that JAX runs anywhere."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import jax
import jax.export
import jax.numpy as jnp

from jaxletters.core.types import Model, Variables
from jaxletters.evaluation import inference

PLATFORMS = ("cpu", "cuda", "tpu")


def function(model: Model, variables: Variables) -> Callable[[jax.Array], jax.Array]:
    """Returns the network as a function from uint8 images `[b, *image_shape]` to logits `[b, classes]`."""
    return functools.partial(inference.forward, model, variables)


def for_any_batch(
    read: Callable[[jax.Array], jax.Array], shape: tuple[int, ...]
) -> Callable[[jax.Array], jax.Array]:
    """Returns a function of images, such as a user's network, as one that can be exported."""
    try:
        jax.eval_shape(read, images(shape))
    except Exception:  # its type differs with what the network does
        # It may need the size of the batch as a number, as len(x) is; of one image that is 1.
        return jax.vmap(lambda image: read(image[None])[0])
    return read


def images(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    """Returns what stands for any number of images where a function is traced: uint8 `[batch, *shape]`."""
    (batch,) = jax.export.symbolic_shape("batch")
    return jax.ShapeDtypeStruct((batch, *shape), jnp.uint8)


def serialized(read: Callable[[jax.Array], jax.Array], shape: tuple[int, ...]) -> bytes:
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

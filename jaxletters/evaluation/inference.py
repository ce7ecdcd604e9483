"""The compiled program of a trained network: what it makes of images."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxletters.core.types import Model, Variables
from jaxletters.runtime import sharding, xla


@functools.cache
def evaluation():  # noqa: ANN201, a jitted function's type is private to JAX
    """Returns `logits` as the compiled program that `predict` uses."""
    return jax.jit(logits, static_argnums=0, compiler_options=xla.compiler_options())


def logits(model: Model, variables: Variables, images: jax.Array) -> jax.Array:
    """Returns the logits of a batch of images: uint8 `[b, h, w]` to float32 `[b, classes]`."""
    return model.apply(variables, images.astype(jnp.float32) / 255, train=False)[0]


def predict(
    model: Model, variables: Variables, images: np.ndarray, batch_size: int, mesh: Mesh
) -> np.ndarray:
    """Returns the logits of every image exactly once: float32 `[n, classes]`, on the host.

    Args:
        model: the network.
        variables: its weights, on the devices of `mesh`.
        images: uint8 `[n, h, w]`; at least one.
        batch_size: images per call; rounded up to a multiple of the device count.
        mesh: the devices.
    """
    return in_batches(
        lambda batch: evaluation()(model, variables, sharding.shard(batch, mesh)),
        images,
        batch_size + -batch_size % mesh.size,
    )


def in_batches(
    call: Callable[[np.ndarray], jax.Array], images: np.ndarray, batch_size: int
) -> np.ndarray:
    """Returns what a function makes of images, on the host, in batches that are all of one size.

    The last one is filled up with blank images whose results are dropped, so one compiled program
    serves any number of images.

    Args:
        call: from uint8 `[batch_size, h, w]` to `[batch_size, ...]`.
        images: uint8 `[n, h, w]`; at least one.
        batch_size: images per call.
    """
    parts = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        filled = np.pad(part, ((0, batch_size - len(part)), *[(0, 0)] * (part.ndim - 1)))
        parts.append(np.asarray(call(filled))[: len(part)])
    return np.concatenate(parts)

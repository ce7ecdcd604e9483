"""The logits of a trained network, computed in batches by one compiled program."""

import functools
import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Shaped, UInt8

from jaxletters.core.arrays import Images, Logits
from jaxletters.core.types import Model, Variables
from jaxletters.data.mapped import Rows
from jaxletters.runtime import sharding, xla
from jaxletters.runtime.programs import Program

BATCH_SIZE = 512
"""Images per call; the size changes no metric."""


def forward(
    model: Model, variables: Variables, images: UInt8[jax.Array, "b h w *c"]
) -> Float[jax.Array, "b classes"]:
    """Returns the logits of one batch."""
    return model.apply(variables, images.astype(jnp.float32) / 255, train=False)[0]


@functools.cache
def compiled_forward() -> Callable[[Model, Variables, jax.Array | np.ndarray], jax.Array]:
    """Returns `forward` compiled for one device, one program for all callers."""
    return jax.jit(forward, static_argnums=0, compiler_options=xla.compiler_options())


def _forward_sharded(
    model: Model, mesh: Mesh, variables: Variables, images: jax.Array
) -> Float[jax.Array, "b classes"]:
    return forward(model, variables, sharding.constrain_sharded(images, mesh))


_FORWARD_SHARDED = Program(_forward_sharded, static_argnums=(0, 1))


def logits(
    model: Model,
    variables: Variables,
    images: Images | Rows,
    mesh: Mesh,
    batch_size: int = BATCH_SIZE,
) -> Logits:
    """Returns the logits of every image exactly once, on the host.

    Args:
        model: the network.
        variables: its weights, on the host or on the devices of `mesh`.
        images: at least one.
        mesh: the devices.
        batch_size: images per call, rounded up to a multiple of the device count.
    """
    variables = sharding.replicate(variables, mesh)

    def call(batch: np.ndarray) -> jax.Array:
        placed = cast(jax.Array, sharding.replicate(batch, mesh))
        return _FORWARD_SHARDED(model, mesh, variables, placed)

    divisible_size = math.ceil(batch_size / mesh.size) * mesh.size
    return in_batches(call, images, divisible_size)


def in_batches(
    call: Callable[[np.ndarray], jax.Array], images: Images | Rows, batch_size: int
) -> Shaped[np.ndarray, "n ..."]:
    """Applies a function to images in batches of equal size and returns its results on the host.

    The last batch is padded with blank images and their results are dropped, so one compiled program
    serves any number of images.

    Args:
        call: from `batch_size` images to an array with as many rows.
        images: at least one.
        batch_size: images per call.
    """
    results: list[np.ndarray] = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size])
        padding = [(0, batch_size - len(batch)), *[(0, 0)] * (batch.ndim - 1)]
        results.append(np.asarray(call(np.pad(batch, padding)))[: len(batch)])
    return np.concatenate(results)

"""Data parallelism: replicated state and dataset, batches sharded over all devices."""

from typing import Any, TypeVar, cast

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxletters.runtime import processes

T = TypeVar("T")


def data_mesh() -> Mesh:
    """Returns a one-dimensional mesh with the axis "data": the devices of the processes of this run."""
    together = processes.team() is not None
    devices = cast(list[object], jax.devices() if together else jax.local_devices())
    return Mesh(np.array(devices), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array that every device has whole."""
    return NamedSharding(mesh, PartitionSpec())


def replicate(tree: T, mesh: Mesh) -> T:
    """Copies every array to every device; in a run of several processes, to those of this process."""
    everywhere = replicated(mesh)
    if processes.team() is None:
        return jax.device_put(tree, everywhere)

    def place(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and leaf.sharding == everywhere:
            return leaf
        value = np.asarray(leaf)
        return jax.make_array_from_callback(value.shape, everywhere, lambda index: value[index])

    return jax.tree.map(place, tree)


def constrain_sharded(tree: T, mesh: Mesh) -> T:
    """Inside jit: constrains the leading axes to be sharded over the devices."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec("data")))


def constrain_replicated(tree: T, mesh: Mesh) -> T:
    """Inside jit: constrains every array to be replicated on every device."""
    return jax.lax.with_sharding_constraint(tree, replicated(mesh))

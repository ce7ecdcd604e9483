"""Data parallelism: replicated state and dataset, batches sharded over all devices."""

from typing import TypeVar, cast

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

T = TypeVar("T")


def data_mesh() -> Mesh:
    """Returns a one-dimensional mesh of this host's devices with the axis "data"."""
    return Mesh(np.array(cast(list[object], jax.local_devices())), ("data",))


def replicate(tree: T, mesh: Mesh) -> T:
    """Copies every array to every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard(tree: T, mesh: Mesh) -> T:
    """Shards the leading axis of every array, a multiple of the device count, over the devices."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec("data")))


def constrain_sharded(tree: T, mesh: Mesh) -> T:
    """Inside jit: constrains the leading axes to be sharded over the devices."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec("data")))


def constrain_replicated(tree: T, mesh: Mesh) -> T:
    """Inside jit: constrains every array to be replicated on every device."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))

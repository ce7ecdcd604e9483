"""Data parallelism: state and dataset on every device, a batch split over all of them."""

from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

T = TypeVar("T")


def data_mesh() -> Mesh:
    """Returns a one-dimensional mesh over this host's devices, its axis named "data"."""
    return Mesh(np.array(jax.local_devices()), ("data",))


def replicate(tree: T, mesh: Mesh) -> T:
    """Puts a copy of every array on every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard(tree: T, mesh: Mesh) -> T:
    """Splits every array's leading axis, a multiple of the device count, over the devices."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec("data")))


def constrain_sharded(tree: T, mesh: Mesh) -> T:
    """Inside jit: computes what follows with the leading axes split over the devices."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec("data")))


def constrain_replicated(tree: T, mesh: Mesh) -> T:
    """Inside jit: leaves every array whole on every device."""
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))

"""A network's weights as a safetensors file, which any framework reads."""

from typing import Any

import jax
import numpy as np

from jaxletters.core.types import Variables


def serialized(variables: Variables) -> bytes:
    """Returns parameters and BatchNorm statistics under names like "stage1_conv1/kernel"."""
    import safetensors.numpy

    leaves = jax.tree_util.tree_leaves_with_path(variables)
    return safetensors.numpy.save(
        {_name(path): np.ascontiguousarray(leaf) for path, leaf in leaves}
    )


def restored(data: bytes, like: Variables) -> Variables:
    """Returns the weights in a safetensors file, in the structure of `like`, on the host.

    Raises:
        KeyError: a weight is not there.
    """
    import safetensors.numpy

    arrays = safetensors.numpy.load(data)
    return jax.tree_util.tree_map_with_path(lambda path, _: arrays[_name(path)], like)


def _name(path: Any) -> str:
    # Without its first part: statistics are called "mean" and "var", which no parameter is.
    return "/".join(key.key for key in path[1:])

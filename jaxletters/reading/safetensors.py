"""The variables of a network as a safetensors file, which any framework reads."""

from typing import Any, cast

import jax
import numpy as np
from numpy.typing import NDArray

from jaxletters.core.types import Variables

Path = tuple[Any, ...]
"""The keys from the root of a tree to a leaf."""


def serialize(variables: Variables) -> bytes:
    """Returns the parameters and BatchNorm statistics under names such as "stage1_conv1/kernel"."""
    from safetensors import numpy

    leaves = cast(list[tuple[Path, Any]], jax.tree_util.tree_leaves_with_path(variables))
    return numpy.save({_name(path): np.ascontiguousarray(leaf) for path, leaf in leaves})


def deserialize(data: bytes, template: Variables) -> Variables:
    """Returns the variables in a safetensors file, on the host, in the structure of `template`.

    Raises:
        KeyError: the file lacks a variable.
    """
    from safetensors import numpy

    arrays: dict[str, NDArray[Any]] = numpy.load(data)

    def array(path: Path, _: object) -> NDArray[Any]:
        return arrays[_name(path)]

    return jax.tree_util.tree_map_with_path(array, template)


def _name(path: Path) -> str:
    # Without "params" or "batch_stats": no parameter has the name "mean" or "var" of a statistic.
    return "/".join(key.key for key in path[1:])

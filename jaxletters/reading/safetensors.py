"""The variables of a network as a safetensors file, which any framework reads.

Reading needs no package: a file is the length of a table in eight bytes, the table in JSON, the numbers
(https://huggingface.co/docs/safetensors, "Format").
"""

import json
from typing import Any, TypedDict, cast

import jax
import numpy as np
from numpy.typing import NDArray

from jaxletters.core.types import Variables

Path = tuple[Any, ...]
"""The keys from the root of a tree to a leaf."""

_DTYPES = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    **{f"{kind.upper()}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)},
}


class _Entry(TypedDict):
    """An array in the table; its offsets are in bytes from the end of the table."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]


def serialize(variables: Variables) -> bytes:
    """Returns the parameters and BatchNorm statistics under names such as "stage1_conv1/kernel"."""
    from safetensors import numpy

    leaves = cast(list[tuple[Path, Any]], jax.tree_util.tree_leaves_with_path(variables))
    return numpy.save({_name(path): np.ascontiguousarray(leaf) for path, leaf in leaves})


def deserialize(data: bytes, template: Variables) -> Variables:
    """Returns the variables in a safetensors file, on the host, in the structure and dtypes of `template`.

    Raises:
        KeyError: the file lacks a variable, or has numbers of a kind that NumPy lacks.
        ValueError: the file is damaged.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    table = cast(dict[str, _Entry], json.loads(data[8:start]))

    def array(path: Path, leaf: jax.ShapeDtypeStruct) -> NDArray[Any]:
        entry = table[_name(path)]
        first, end = (start + offset for offset in entry["data_offsets"])
        numbers = np.frombuffer(data[first:end], _DTYPES[entry["dtype"]])
        return numbers.reshape(entry["shape"]).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(array, template)


def _name(path: Path) -> str:
    # Without "params" or "batch_stats": no parameter has the name "mean" or "var" of a statistic.
    return "/".join(key.key for key in path[1:])

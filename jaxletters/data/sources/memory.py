"""The caller's arrays, kept in memory and represented in configs by tokens."""

import weakref
from typing import Any

import numpy as np

from jaxletters.config.sources import MEMORY_PREFIX
from jaxletters.core.errors import UserError
from jaxletters.data import digests

# By token; a config keeps the arrays that it refers to.
_held: weakref.WeakValueDictionary[str, np.ndarray] = weakref.WeakValueDictionary()


def hold(value: Any) -> tuple[str, np.ndarray]:
    """Returns the token of an array, which contains its SHA-256, and a read-only copy.

    Args:
        value: an array, or the token of one that is still in memory.

    Raises:
        UserError: the token is of another process or of an array that is no longer in memory, or the value
            is not an array of numbers or text.
    """
    if not isinstance(value, str):
        array = _array(value)
        array.flags.writeable = False
        token = MEMORY_PREFIX + digests.of_array(array)
        return token, _held.setdefault(token, array)
    array = _held.get(value)
    if array is None:
        raise UserError(
            "config.dataset: expected the arrays of this config in memory, found that they are no longer "
            "there; create the config from the arrays again"
        )
    return value, array


def is_held(token: str) -> bool:
    """Returns whether this process still has the array of a token."""
    return token in _held


def _array(value: Any) -> np.ndarray:
    try:
        array = np.array(value)
    except ValueError as error:
        raise UserError(
            f"config.dataset: expected arrays, found rows of different lengths ({error}); give them equal "
            "lengths"
        ) from error
    # Columns of a pandas table have such dtypes.
    if array.dtype.kind in "OT" and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "buifSU":
        raise UserError(
            f"config.dataset: expected arrays of numbers or text, found {array.dtype}; convert them"
        )
    return array

"""The caller's arrays, kept in memory and represented in configs by tokens."""

import weakref
from typing import Any

import numpy as np

from jaxletters.config.sources import MEMORY_PREFIX
from jaxletters.core.errors import UserError
from jaxletters.data import digests


class HeldArray:
    """An array of the caller, kept while a config refers to it.

    Attributes:
        token: represents the array in a config; contains its SHA-256.
        array: a read-only copy.
    """

    def __init__(self, token: str, array: np.ndarray) -> None:
        self.token, self.array = token, array


_held: weakref.WeakValueDictionary[str, HeldArray] = weakref.WeakValueDictionary()


def hold(value: Any) -> HeldArray:
    """Returns the kept array of a token, or keeps an array and returns it with its token.

    Raises:
        UserError: the token is of another process or of arrays that are no longer in memory, or the
            value is not an array of numbers or text.
    """
    if not isinstance(value, str):
        array = _array(value)
        array.flags.writeable = False
        token = MEMORY_PREFIX + digests.of_array(array)
        return _held.setdefault(token, HeldArray(token, array))
    if held := _held.get(value):
        return held
    raise UserError(
        "config.dataset: expected the arrays of this config in memory, found that they are no longer there; "
        "create the config from the arrays again"
    )


def is_held(token: str) -> bool:
    """Returns whether this process still has the array of a token."""
    return token in _held


def _array(value: Any) -> np.ndarray:
    try:
        array = np.array(value)
    except ValueError as error:
        raise UserError(
            "config.dataset: expected arrays, found rows of different lengths "
            f"({error}); give them equal lengths"
        ) from error
    # Columns of a pandas table have such dtypes.
    if array.dtype.kind in "OT" and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "buifSU":
        raise UserError(
            f"config.dataset: expected arrays of numbers or text, found {array.dtype}; convert them"
        )
    return array

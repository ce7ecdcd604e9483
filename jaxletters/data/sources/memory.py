"""Arrays of a caller that configs stand for."""

import weakref
from typing import Any

import numpy as np

from jaxletters.config.sources import MEMORY
from jaxletters.core.errors import UserError
from jaxletters.data import digests


class Held:
    """An array of the caller's, kept for as long as a config names it.

    Attributes:
        token: stands for it in a config; has its SHA-256.
        array: a copy of it, read-only.
    """

    def __init__(self, token: str, array: np.ndarray) -> None:
        self.token, self.array = token, array


_held: weakref.WeakValueDictionary[str, Held] = weakref.WeakValueDictionary()


def hold(value: Any) -> Held:
    """Keeps an array, or returns the one that a token stands for.

    Raises:
        UserError: the token is of another process, or of arrays that no config named any more; or the
            value is no array of numbers or text.
    """
    if not isinstance(value, str):
        array = _array(value)
        array.flags.writeable = False
        token = MEMORY + digests.of_array(array)
        return _held.setdefault(token, Held(token, array))
    if found := _held.get(value):
        return found
    raise UserError(
        "config.dataset: expected the arrays that this config was made with, found that they are in no "
        "memory any more; make the config from the arrays again"
    )


def is_held(token: str) -> bool:
    """Returns whether an array is still in this process's memory."""
    return token in _held


def _array(value: Any) -> np.ndarray:
    try:
        array = np.array(value)
    except ValueError as error:
        raise UserError(
            f"config.dataset: expected arrays, found rows of several lengths ({error}); make them equal"
        ) from error
    # As the columns of a pandas table are.
    if array.dtype.kind in "OT" and all(isinstance(each, str) for each in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "buifSU":
        raise UserError(
            f"config.dataset: expected arrays of numbers or text, found {array.dtype}; convert them"
        )
    return array

"""Images in memory-mapped files, which may be larger than the memory."""

from typing import Any, cast

import numpy as np
from jaxtyping import UInt8

LARGE = 2**28
"""Bytes from which images stay in their file; smaller ones are copied to memory."""


class Rows:
    """Some images of a memory-mapped array, read when they are indexed.

    It has what its users need of an array: `shape`, `ndim`, `dtype`, `len` and indices of the first axis.

    Args:
        images: uint8 `[n, h, w]` or `[n, h, w, 3]`.
        indices: int64 `[m]`.
    """

    def __init__(self, images: UInt8[np.ndarray, "n ..."], indices: np.ndarray) -> None:
        self._images = images
        self._indices = indices
        self.shape = (len(indices), *images.shape[1:])
        self.ndim = images.ndim
        self.dtype = images.dtype

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Returns a copy of one image or of several."""
        return np.array(self._images[self._indices[index]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Returns all images in memory."""
        del copy  # it is always one
        return np.asarray(self[:], dtype)


def is_mapped(images: np.ndarray | Rows) -> bool:
    """Returns whether images are pages of a file."""
    if isinstance(images, Rows):
        return True
    owner: object = images
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    return isinstance(owner, np.memmap)


def take(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Returns some images: a copy, or `Rows` of a large mapped array, which behave like one."""
    stay = isinstance(images, Rows) or (is_mapped(images) and images.nbytes >= LARGE)
    return cast(np.ndarray, Rows(images, indices)) if stay else images[indices]

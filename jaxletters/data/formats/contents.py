"""The types that readers of array files share."""

from typing import IO, NamedTuple

import numpy as np


class NamedArray(NamedTuple):
    """An array and its name in error messages."""

    name: str
    values: np.ndarray


class Contents(NamedTuple):
    """The content of a file with images and labels.

    Attributes:
        splits: images and labels of each split.
        class_names: one per label, if the file has them.
        remarks: which content is ignored, a sentence each.
    """

    splits: dict[str, tuple[NamedArray, NamedArray]]
    class_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class OpenFile(NamedTuple):
    """An open file.

    Attributes:
        name: its name in error messages.
        stream: its bytes, decompressed.
        max_bytes: the largest size of one array.
    """

    name: str
    stream: IO[bytes]
    max_bytes: int

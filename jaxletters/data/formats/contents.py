"""The types that readers of array files share."""

from typing import IO, NamedTuple

import numpy as np


class NamedArray(NamedTuple):
    """An array and its name in error messages."""

    name: str
    values: np.ndarray


class Contents(NamedTuple):
    """The content of a file with images and labels."""

    splits: dict[str, tuple[NamedArray, NamedArray]]  # images and labels
    class_names: tuple[str, ...] = ()  # one per label, if the file has them
    remarks: tuple[str, ...] = ()  # a sentence about each ignored content


class OpenFile(NamedTuple):
    """An open file."""

    name: str  # in error messages
    stream: IO[bytes]  # decompressed
    max_bytes: int  # the largest size of one array

"""NumPy's formats .npy and .npz, read without unpickling anything.

Every function raises a ValueError, or an error of `zipfile`, if a file is damaged.
"""

import math
import zipfile
from collections.abc import Iterable
from typing import IO

import numpy as np

from jaxletters.core.errors import UserError, printable
from jaxletters.data import naming
from jaxletters.data.formats.contents import Contents, NamedArray, OpenFile

# The arrays of a split, as Keras and its users, scikit-learn and this project's course name them.
_NAMES = {
    split: [pair for w in words for pair in ((f"{w}_images", f"{w}_labels"), (f"x_{w}", f"y_{w}"))]
    for split, words in naming.SPLITS.items()
}
_NAMES["train"] += [("images", "labels"), ("x", "y"), ("data", "target"), ("arr_0", "arr_1")]
_NAMES["test"] += [("arr_2", "arr_3")]


def read_npy(stream: IO[bytes], max_bytes: int) -> np.ndarray:
    """Returns the array of a .npy file; checks the header against the content and the size limit."""
    version = np.lib.format.read_magic(stream)
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in headers:
        raise ValueError(f"version {version} of NumPy's format")
    shape, columns_first, dtype = headers[version](stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects, perhaps of rows of several lengths")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > max_bytes:
        raise ValueError(f"an array of {size:,} bytes where at most {max_bytes:,} are read")
    # One byte more than there should be, so that zipfile compares the checksum.
    content = stream.read(size + 1)
    if len(content) != size:
        raise ValueError(f"other than the {size:,} bytes that the header says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")


def read(file: OpenFile) -> Contents:
    """Returns the splits of a .npz file.

    Raises:
        UserError: the names of the arrays are unknown.
    """
    with zipfile.ZipFile(file.stream) as archive:
        members = [*_members(archive)]
        spelled = {name.lower(): name for name in members}
        used = {
            split: [spelled[name] for name in pair]
            for split, pairs in _NAMES.items()
            if (pair := next((pair for pair in pairs if set(pair) <= set(spelled)), None))
        }
        if "train" not in used and "test" not in used:
            raise UserError(
                f"{file.name}: expected arrays x_train and y_train, train_images and train_labels, images "
                "and labels, x and y, data and target (also for val and test), found "
                f"{_join(members)}; rename them"
            )
        splits: dict[str, tuple[NamedArray, NamedArray]] = {}
        for split, pair in used.items():
            images, labels = (
                NamedArray(f"{file.name}: {name}", _member(file, archive, name)) for name in pair
            )
            splits[split] = (images, labels)
    unused = sorted(set(members).difference(*used.values()))
    remark = f"{file.name}: {_join(unused)}: not read."
    return Contents(splits, remarks=(remark,) if unused else ())


def read_only_array(file: OpenFile) -> np.ndarray:
    """Returns the only array of a .npz file.

    Raises:
        UserError: the file holds no array, or several.
    """
    with zipfile.ZipFile(file.stream) as archive:
        members = _members(archive)
        if len(members) == 1:
            return _member(file, archive, *members)
    raise not_one_array(file.name, _join(members))


def not_one_array(name: str, found: str) -> UserError:
    """Returns the error for a file that should hold one array."""
    return UserError(
        f"{name}: expected one array, found {found}; leave config.dataset.labels empty if the file "
        "holds them, too"
    )


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}


def _member(file: OpenFile, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        with archive.open(_members(archive)[name]) as stream:
            return read_npy(stream, file.max_bytes)
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{name} that cannot be read ({reason})") from error


def _join(names: Iterable[str]) -> str:
    return printable(f"{', '.join(names):.300}") or "none"

"""The idx format of MNIST and EMNIST (LeCun, Cortes, Burges: The MNIST database, file formats)."""

import gzip
import math
import struct
import zipfile
import zlib
from typing import IO

import numpy as np

from jaxletters.errors import UserError

# All of EMNIST in one file is 0.6 GB: a header that claims more is damaged or hostile.
_MOST_BYTES = 2**30


def read(file: IO[bytes], name: str, item_shape: tuple[int, ...]) -> np.ndarray:
    """Returns the items of a gzip-compressed idx file: uint8 `[n, *item_shape]`, n from its header.

    Args:
        file: the compressed bytes.
        name: what to call the file in an error.
        item_shape: the shape each item must have; () for labels.

    Raises:
        UserError: the file is damaged, or not an idx file of such items.
    """
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return _parse(stream, name, item_shape)
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise _bad(name, "an undamaged gzip-compressed idx file", str(error)) from error


def _parse(stream: gzip.GzipFile, name: str, item_shape: tuple[int, ...]) -> np.ndarray:
    rank = 1 + len(item_shape)
    # Two zero bytes, the code of uint8, the number of dimensions; then their sizes, big-endian.
    magic = bytes((0, 0, 0x08, rank))
    header = stream.read(4 + 4 * rank)
    if header[:4] != magic:
        raise _bad(name, f"the idx magic number {magic.hex()}", header[:4].hex() or "an empty file")
    if len(header) != 4 + 4 * rank:
        raise _bad(name, f"an idx header of {4 + 4 * rank} bytes", f"{len(header)}")
    count, *shape = struct.unpack(f">{rank}I", header[4:])
    if tuple(shape) != item_shape:
        raise _bad(name, f"items of shape {item_shape}", f"{tuple(shape)}")
    size = count * math.prod(item_shape)
    if not 0 < size <= _MOST_BYTES:
        raise _bad(name, f"1 to {_MOST_BYTES:,} bytes of items", f"a header that says {size:,}")
    payload = stream.read(size + 1)
    if len(payload) != size:
        found = "more" if len(payload) > size else f"{len(payload):,}"
        raise _bad(name, f"{size:,} bytes of items as its header says", found)
    return np.frombuffer(payload, np.uint8).reshape(count, *item_shape)


def _bad(name: str, expected: str, found: str) -> UserError:
    return UserError(f"{name}: expected {expected}, found {found}; fetch the file again")

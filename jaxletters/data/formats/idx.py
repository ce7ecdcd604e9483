"""The idx format of MNIST and EMNIST (LeCun, Cortes, Burges: The MNIST database, file formats)."""

import gzip
import math
import struct
import zipfile
import zlib
from typing import IO

import numpy as np

from jaxletters.core.errors import UserError

# All of EMNIST in one file is 0.6 GB: a header that claims more is damaged or hostile.
_MOST_BYTES = 2**30
# Two zero bytes and the code of uint8. The number of dimensions follows, then their sizes, big-endian.
_UINT8 = bytes((0, 0, 0x08))


def read(file: IO[bytes], name: str, item_shape: tuple[int, ...] | None) -> np.ndarray:
    """Returns the items of an idx file: uint8 `[n, *item_shape]`, n from its header.

    Args:
        file: its bytes, gzip-compressed or not; it must be seekable.
        name: its name in error messages.
        item_shape: the expected shape of an item; () for labels, None to accept the shape in the header.

    Raises:
        UserError: the file is damaged, or not an idx file of these items.
    """
    try:
        plain = file.read(3) == _UINT8
        file.seek(0)
        if plain:
            return _parse(file, name, item_shape)
        with gzip.GzipFile(fileobj=file) as stream:
            return _parse(stream, name, item_shape)
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
        raise _bad(name, "an undamaged plain or gzip-compressed idx file", str(error)) from error


def _parse(
    stream: IO[bytes] | gzip.GzipFile, name: str, item_shape: tuple[int, ...] | None
) -> np.ndarray:
    start = stream.read(4)
    if item_shape is None:
        # Labels, or images with or without a channel axis.
        rank = start[3] if len(start) == 4 and start[3] in (1, 2, 3, 4) else 3
    else:
        rank = 1 + len(item_shape)
    magic = _UINT8 + bytes((rank,))
    if start != magic:
        raise _bad(name, f"the idx magic number {magic.hex()}", start.hex() or "an empty file")
    sizes = stream.read(4 * rank)
    if len(sizes) != 4 * rank:
        raise _bad(name, f"an idx header of {4 + 4 * rank} bytes", f"{4 + len(sizes)}")
    count, *shape = struct.unpack(f">{rank}I", sizes)
    if item_shape not in (None, tuple(shape)):
        raise _bad(name, f"items of shape {item_shape}", f"{tuple(shape)}")
    size = count * math.prod(shape)
    if not 0 < size <= _MOST_BYTES:
        raise _bad(name, f"1 to {_MOST_BYTES:,} bytes of items", f"a header that says {size:,}")
    payload = stream.read(size + 1)
    if len(payload) != size:
        found = "more" if len(payload) > size else f"{len(payload):,}"
        raise _bad(name, f"{size:,} bytes of items as its header says", found)
    return np.frombuffer(payload, np.uint8).reshape(count, *shape)


def _bad(name: str, expected: str, found: str) -> UserError:
    return UserError(f"{name}: expected {expected}, found {found}; fetch the file again")

"""Reads MATLAB 5 files of numbers, cells and structures.

SciPy allocates the shapes that a file claims before it reads their content, so two hundred bytes can claim
all memory. This reader allocates nothing larger than the content of the file.
"""

import math
import struct
import zlib

import numpy as np

from jaxletters.core.errors import UserError

# Kinds of elements, and classes of arrays: MAT-File Format, tables 1-1 and 1-3.
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCTURE, _NUMBERS, _COMPLEX = 1, 2, range(6, 16), 0x800
_INTEGERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"}
_DTYPES = {**_INTEGERS, 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# A structure is a dictionary, a cell array is an array of objects.
Value = np.ndarray | dict[str, "Value"]


def read(content: bytes, name: str, variable: str, most_bytes: int) -> Value:
    """Returns a variable of the file `name`; does not parse others.

    After a header of 128 bytes each element has a type and a length; a compressed one holds another, here of
    at most `most_bytes` (MathWorks, MAT-File Format, "Level 5").

    Raises:
        UserError: the file claims an enormous size.
        ValueError: the file has another format, or lacks the variable, or the variable has content other than
            real numbers, cells and structures; `struct.error` and `zlib.error` if the file is damaged.
    """
    if content.startswith(b"MATLAB 7.3"):
        raise ValueError("a file of MATLAB 7.3, which is HDF5 (`save -v7` writes the older format)")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("no mark of MATLAB 5")
    view, place = memoryview(content), 128
    while place + 8 <= len(content):
        kind, element, after = _part(view, place, order)
        # Compressed elements are not padded to a boundary, unlike all others.
        place = place + 8 + len(element) if kind == _COMPRESSED else after
        if kind == _COMPRESSED:
            kind, element = _inflated(element, name, order, most_bytes)
        if kind == _MATRIX and _header(element, order)[2] == variable.encode():
            return _value(element, order)
    raise ValueError(f"no variable {variable}")


def _inflated(element: memoryview, name: str, order: str, most: int) -> tuple[int, memoryview]:
    inflating = zlib.decompressobj()
    kind, length = struct.unpack(f"{order}II", inflating.decompress(element, 8))
    if length > most:
        raise UserError(
            f"{name}: expected at most {most:,} bytes of a variable, found a file that says {length:,}; "
            "fetch it again"
        )
    # One byte more than expected, so that zlib reads the checksum at the end.
    content = inflating.decompress(inflating.unconsumed_tail, length + 1)
    if len(content) != length or not inflating.eof:
        raise ValueError(f"a variable of {len(content):,} bytes that says {length:,}")
    return kind, memoryview(content)


def _header(matrix: memoryview, order: str) -> tuple[int, tuple[int, ...], bytes, int]:
    """Returns the flags, shape and name of an array, and the position after them."""
    _, flags, after = _part(matrix, 0, order)
    _, shape, after = _part(matrix, after, order)
    _, title, after = _part(matrix, after, order)
    sizes = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if min(sizes, default=-1) < 0:
        raise ValueError(f"an array of shape {sizes}")
    return struct.unpack_from(f"{order}I", flags)[0], sizes, bytes(title), after


def _value(matrix: memoryview, order: str) -> Value:
    """Returns an array, a structure or a cell array."""
    flags, shape, _, after = _header(matrix, order)
    fields = [""]
    if flags & 0xFF == _STRUCTURE:
        _, length, after = _part(matrix, after, order)
        _, names, after = _part(matrix, after, order)
        width = struct.unpack(f"{order}i", length)[0]
        starts = range(0, len(names), width)
        fields = [bytes(names[i : i + width]).split(b"\0")[0].decode() for i in starts]
    parts: list[tuple[int, memoryview]] = []
    while after < len(matrix):
        kind, part, after = _part(matrix, after, order)
        parts.append((kind, part))
    kinds = {kind for kind, _ in parts} or {_MATRIX}
    if flags & 0xFF in _NUMBERS and not flags & _COMPLEX and len(parts) == 1:
        (kind, part), *_ = parts
        if kind in _DTYPES:
            # Raises a ValueError if the shape does not fit.
            return np.frombuffer(part, order + _DTYPES[kind]).reshape(shape, order="F")
    elif kinds == {_MATRIX} and len(parts) == math.prod(shape) * len(fields):
        values = [_value(part, order) for _, part in parts]
        if flags & 0xFF == _STRUCTURE and math.prod(shape) == 1:
            return dict(zip(fields, values, strict=True))
        if flags & 0xFF == _CELL:
            cells = np.empty(len(values), object)
            cells[:] = values
            return cells.reshape(shape, order="F")
    raise ValueError(f"an array of shape {shape} and class {flags & 0xFF} with other content")


def _part(content: memoryview, place: int, order: str) -> tuple[int, memoryview, int]:
    """Returns the kind and bytes of the element at a position, and the position after it."""
    kind, length = struct.unpack_from(f"{order}II", content, place)
    if kind >> 16:
        # A small element: its bytes, at most four, follow in place of the length.
        kind, length = kind & 0xFFFF, kind >> 16
        first, after = place + 4, place + 8
    else:
        first, after = place + 8, place + 8 + -(-length // 8) * 8
    if first + length > len(content):
        raise ValueError(f"an element of {length:,} bytes where {len(content) - first:,} follow")
    return kind, content[first : first + length], after

"""What a MATLAB 5 file says of its cells, checked before SciPy reads them."""

import struct
import zlib

from jaxletters.errors import UserError

# The cells of Binary AlphaDigits, as published, take half a megabyte, with MATLAB's headers.
_MOST_BYTES = 2**26
# Kinds of elements, and classes of arrays: MAT-File Format, tables 1-1 and 1-3.
_MATRIX, _COMPRESSED = 14, 15
_CELL, _NUMBERS, _COMPLEX = 1, range(6, 16), 0x800
_PARTS = 4


def check_cells(content: bytes, name: str, variable: str, shape: tuple[int, int]) -> None:
    """Raises an error unless a variable holds cells of a shape, each an array of real numbers.

    SciPy believes what a file says of its shapes before it looks for what fills them, so two hundred
    bytes can ask for all memory. After a header of 128 bytes each element has a type and a length; a
    compressed one holds another (MathWorks, MAT-File Format, "Level 5").

    Args:
        content: of a MATLAB 5 file.
        name: of the file.
        variable: the one that is going to be read; the shapes of others do not matter.
        shape: of its cells.

    Raises:
        UserError: the file says that it is enormous.
        ValueError: it is another kind of file, or holds something else; `struct.error` and `zlib.error` where
            it is damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("no mark of MATLAB 5")
    place = 128
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        element = content[place : place + 8 + length]
        if kind == _COMPRESSED:
            inflating = zlib.decompressobj()
            element = inflating.decompress(element[8:], 8)
            length_inside = struct.unpack_from(f"{order}I", element, 4)[0]
            if length_inside > _MOST_BYTES:
                raise UserError(
                    f"{name}: expected at most {_MOST_BYTES:,} bytes of cells, found a file that says "
                    f"{length_inside:,}; fetch it again"
                )
            element += inflating.decompress(inflating.unconsumed_tail, length_inside or 1)
        _check_matrix(element, order, variable.encode(), shape)
        place += 8 + length


def _check_matrix(element: bytes, order: str, variable: bytes, wanted: tuple[int, int]) -> None:
    """Raises a ValueError that says what is wrong with a variable, if it is the one that is read."""
    kind, matrix, _ = _part(element, 0, order)
    _, flags, after = _part(matrix, 0, order)
    _, shape, after = _part(matrix, after, order)
    _, title, after = _part(matrix, after, order)
    if title != variable or kind != _MATRIX:
        return
    found = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if _class(flags, order) != _CELL or found != wanted:
        raise ValueError(f"an array of shape {found}, of class {_class(flags, order)}")
    while after < len(matrix):
        kind, cell, after = _part(matrix, after, order)
        _, flags, place = _part(cell, 0, order)
        parts = 1
        while place < len(cell):
            _, _, place = _part(cell, place, order)
            parts += 1
        # Flags, shape, name and real numbers: where they end, SciPy reads on, whatever the length says.
        real = _class(flags, order) in _NUMBERS and not _flags(flags, order) & _COMPLEX
        if kind != _MATRIX or parts != _PARTS or not real:
            raise ValueError("a cell that is no array of real numbers")


def _part(content: bytes, place: int, order: str) -> tuple[int, bytes, int]:
    """Returns the kind and bytes of the element at a place, and the place after it."""
    kind, length = struct.unpack_from(f"{order}II", content, place)
    if kind >> 16:
        # Up to four bytes in the place of the length.
        kind, length = kind & 0xFFFF, kind >> 16
        first, after = place + 4, place + 8
    else:
        first, after = place + 8, place + 8 + -(-length // 8) * 8
    if first + length > len(content):
        raise ValueError(
            f"an element of {length:,} bytes, of which {len(content) - first:,} are there"
        )
    return kind, content[first : first + length], after


def _flags(flags: bytes, order: str) -> int:
    return struct.unpack_from(f"{order}I", flags)[0]


def _class(flags: bytes, order: str) -> int:
    return _flags(flags, order) & 0xFF

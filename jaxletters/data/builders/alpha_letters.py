"""The capital letters of Binary AlphaDigits (from Sam Roweis's data page)."""

import string
import struct
import zlib

import numpy as np
import scipy.io

from jaxletters.data import archives, builders
from jaxletters.data.archives import Source
from jaxletters.data.builders import base
from jaxletters.errors import UserError

_PER_CLASS = 39
# The published file's cells take half a megabyte, with MATLAB's headers.
_MOST_BYTES = 2**26
# Kinds of elements, and classes of arrays: MAT-File Format, tables 1-1 and 1-3.
_MATRIX, _COMPRESSED = 14, 15
_CELL, _NUMBERS, _COMPLEX = 1, range(6, 16), 0x800
_PARTS = 4


class AlphaLetters(base.ArraysBuilder):
    """Handwritten capitals, 39 of each, 20 x 16 pixels, ink or none; labels 1 to 26 are A to Z."""

    name = "jaxletters_alpha_letters"
    HOMEPAGE = "https://cs.nyu.edu/~roweis/data.html"
    SPEC = builders.ALPHA_LETTERS
    ARCHIVE = archives.ALPHA_DIGITS
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {ARCHIVE.wanted} here, from {ARCHIVE.remotes[0].url}."

    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        del split  # There is one.
        (source,) = sources.values()
        cells = _cells(source)
        height, width = self.SPEC.image_shape
        expected = f"36 x {_PER_CLASS} images of {height} x {width} zeros and ones"
        if any(np.shape(c) != (height, width) or not np.isin(c, (0, 1)).all() for c in cells.flat):
            raise UserError(f"{source.name}: expected {expected}, found others; fetch it again")
        letters = cells[len(string.digits) :]
        images = np.stack([np.asarray(cell, np.uint8) for cell in letters.flat]) * np.uint8(255)
        return images, np.repeat(np.asarray(self.SPEC.labels), _PER_CLASS)


def _cells(source: Source) -> np.ndarray:
    """Returns the file's images, an object array `[36, 39]`: digits, then letters."""
    expected = f"a MATLAB file with `dat`, 36 x {_PER_CLASS} cells"
    with source.open() as file:
        try:
            _check(file.read(), source.name)
            file.seek(0)
            cells = scipy.io.loadmat(file, variable_names=["dat"])["dat"]
        except UserError:
            raise
        # What SciPy raises on a damaged or foreign file is nearly anything.
        except Exception as error:
            reason = f"damage or something else ({' '.join(str(error).split())})"
            raise UserError(
                f"{source.name}: expected {expected}, found {reason}; fetch it again"
            ) from error
    return cells


def _check(content: bytes, name: str) -> None:
    """Raises an error unless a MATLAB 5 file's cells are arrays of numbers and of a bearable size.

    SciPy believes what a file says of its shapes before it looks for what fills them, so two hundred
    bytes can ask for all memory. After a header of 128 bytes each element has a type and a length; a
    compressed one holds another (MathWorks, MAT-File Format, "Level 5").
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
        _check_matrix(element, order)
        place += 8 + length


def _check_matrix(element: bytes, order: str) -> None:
    """Raises a ValueError that says what is wrong with a variable, if it is the one that is read."""
    kind, matrix, _ = _part(element, 0, order)
    _, flags, after = _part(matrix, 0, order)
    _, shape, after = _part(matrix, after, order)
    _, title, after = _part(matrix, after, order)
    if title != b"dat" or kind != _MATRIX:
        return
    found = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    if _class(flags, order) != _CELL or found != (36, _PER_CLASS):
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

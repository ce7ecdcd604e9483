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
_COMPRESSED = 15


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
        _check_size(file.read(), source.name)
        file.seek(0)
        try:
            cells = scipy.io.loadmat(file, variable_names=["dat"])["dat"]
        # What SciPy raises on a damaged or foreign file is nearly anything.
        except Exception as error:
            reason = f"damage ({' '.join(str(error).split())})"
            raise UserError(
                f"{source.name}: expected {expected}, found {reason}; fetch it again"
            ) from error
    if cells.shape != (36, _PER_CLASS) or cells.dtype != object:
        raise UserError(
            f"{source.name}: expected {expected}, found {cells.dtype} of shape {cells.shape}; "
            "fetch it again"
        )
    return cells


def _check_size(content: bytes, name: str) -> None:
    """Raises a UserError if a MATLAB 5 file's compressed elements say that they are enormous.

    After a header of 128 bytes each element has a type and a length; a compressed one begins, once it
    is decompressed, with those of what is in it (MathWorks, MAT-File Format, "Level 5").
    """
    order = "<" if content[126:128] == b"IM" else ">"
    place = 128
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        if kind == _COMPRESSED:
            try:
                head = zlib.decompressobj().decompress(content[place + 8 : place + 8 + length], 8)
            except zlib.error:
                return  # SciPy says what is wrong with it.
            inflated = struct.unpack(f"{order}I", head[4:])[0] if len(head) == 8 else 0
            if inflated > _MOST_BYTES:
                raise UserError(
                    f"{name}: expected at most {_MOST_BYTES:,} bytes of cells, found a file that says "
                    f"{inflated:,}; fetch it again"
                )
        place += 8 + length

"""The capital letters of Binary AlphaDigits (from Sam Roweis's data page)."""

import string
import struct
import zlib

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.builders import base, specs
from jaxletters.data.formats import mat
from jaxletters.data.sources import archives
from jaxletters.data.sources.archives import Source

_PER_CLASS = 39
# As published, the file takes half a megabyte, with MATLAB's headers.
_MOST_BYTES = 2**26


class AlphaLetters(base.ArraysBuilder):
    """Handwritten capitals, 39 of each, 20 x 16 pixels, ink or none; labels 1 to 26 are A to Z."""

    name = "jaxletters_alpha_letters"
    HOMEPAGE = "https://cs.nyu.edu/~roweis/data.html"
    SPEC = specs.SPECS["alpha_letters"]
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
            cells = mat.read(file.read(), source.name, "dat", _MOST_BYTES)
            if not isinstance(cells, np.ndarray) or cells.shape != (36, _PER_CLASS):
                found = cells.shape if isinstance(cells, np.ndarray) else "of a structure"
                raise ValueError(f"an array of shape {found}")
        # RecursionError: cells in cells.
        except (OSError, ValueError, RecursionError, struct.error, zlib.error) as error:
            reason = f"damage or something else ({' '.join(str(error).split())})"
            raise UserError(
                f"{source.name}: expected {expected}, found {reason}; fetch it again"
            ) from error
    return cells

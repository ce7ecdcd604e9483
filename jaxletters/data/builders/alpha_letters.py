"""The capital letters of Binary AlphaDigits (from Sam Roweis's data page)."""

import string
import struct
import zlib

import numpy as np

from jaxletters.core.errors import UserError, one_line
from jaxletters.data.builders import base, specs
from jaxletters.data.formats import mat
from jaxletters.data.sources.archives import Archive, OriginalFile, Originals
from jaxletters.data.sources.downloads import Remote

_REMOTE = Remote(
    "https://cs.nyu.edu/~roweis/data/binaryalphadigs.mat",
    532_304,
    "3ee9392e64e4e3bb7b35502b69bf2555a0b4197c1b31048c4189b84bc0bc6ea7",
)
_PER_CLASS = 39
# The published file takes half a megabyte, with MATLAB's headers.
_MAX_BYTES = 2**26


class AlphaLetters(base.ArraysBuilder):
    """Handwritten capitals, 39 of each, 20 x 16 pixels, ink or none; labels 1 to 26 are A to Z."""

    name = "jaxletters_alpha_letters"
    HOMEPAGE = "https://cs.nyu.edu/~roweis/data.html"
    SPEC = specs.SPECS["alpha_letters"]
    ARCHIVE = Archive(_REMOTE.name, files=(_REMOTE.name,), remotes=(_REMOTE,))
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {ARCHIVE.description} here, from {_REMOTE.url}."

    def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        del split  # The only one.
        (original,) = originals.values()
        cells = _cells(original)
        height, width = self.SPEC.image_shape
        if any(np.shape(c) != (height, width) or not np.isin(c, (0, 1)).all() for c in cells.flat):
            raise UserError(
                f"{original.name}: expected 36 x {_PER_CLASS} images of {height} x {width} zeros and ones, "
                "found others; fetch it again"
            )
        letters = cells[len(string.digits) :]
        images = np.stack([np.asarray(cell, np.uint8) for cell in letters.flat]) * np.uint8(255)
        return images, np.repeat(np.asarray(self.SPEC.labels), _PER_CLASS)


def _cells(original: OriginalFile) -> np.ndarray:
    """Returns the file's images, an object array `[36, 39]`: digits, then letters."""
    with original.open() as file:
        try:
            cells = mat.read(file.read(), original.name, "dat", _MAX_BYTES)
            if not isinstance(cells, np.ndarray) or cells.shape != (36, _PER_CLASS):
                found = cells.shape if isinstance(cells, np.ndarray) else "of a structure"
                raise ValueError(f"an array of shape {found}")
        # RecursionError: nested cells.
        except (OSError, ValueError, RecursionError, struct.error, zlib.error) as error:
            raise UserError(
                f"{original.name}: expected a MATLAB file with `dat`, 36 x {_PER_CLASS} cells, found damage "
                f"or another content ({one_line(error)}); fetch it again"
            ) from error
    return cells

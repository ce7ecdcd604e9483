"""Picture files as arrays."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jaxletters.errors import UserError, shown

# A telephone's pictures are smaller; what is larger would take seconds and gigabytes.
MOST_BYTES = 2**25
_MOST_PIXELS = 60_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")


def read(file: Path) -> NDArray[np.uint8]:
    """Returns the picture in a file, the way up that its camera noted: uint8 `[h, w, 3]`.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    return decode(data, str(file))


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Returns the picture in the bytes of a file: uint8 `[h, w, 3]`.

    Args:
        data: PNG, JPEG, or another common format; of several pictures the first. What is transparent is
            white.
        name: what an error calls it.

    Raises:
        UserError: it is none, damaged, or too large.
    """
    name = shown(name)
    if len(data) > MOST_BYTES:
        raise UserError(
            f"{name}: expected a picture of at most {MOST_BYTES >> 20} MiB, found a larger file; reduce it"
        )
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(data), formats=_FORMATS) as image,
        ):
            width, height = image.size
            if width * height > _MOST_PIXELS:
                raise UserError(
                    f"{name}: expected at most {_MOST_PIXELS:,} pixels, found {width} x {height}; reduce it"
                )
            return np.array(_on_white(ImageOps.exif_transpose(image)))
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{name}: expected at most {_MOST_PIXELS:,} pixels, found far more; reduce it"
        ) from error
    # Pillow's decoders raise whatever damage makes of their own code.
    except Exception as error:
        raise UserError(
            f"{name}: expected a picture (PNG, JPEG ...), found something else or a damaged one; save it anew"
        ) from error


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        grey = np.asarray(image, np.float64)
        low, high = grey.min(), grey.max()
        return Image.fromarray(np.uint8(255 * (grey - low) / max(high - low, 1e-9))).convert("RGB")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layered).convert("RGB")
    return image.convert("RGB")

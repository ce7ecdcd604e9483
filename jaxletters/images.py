"""Picture files as arrays."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jaxletters.errors import UserError, shown

# A telephone's pictures are smaller; what is larger would take seconds and gigabytes.
MOST_BYTES = 2**25
_MOST_PIXELS = 60_000_000
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")


def read(file: Path) -> NDArray[np.uint8]:
    """Returns the picture in a file, the way up that its camera noted: uint8 `[h, w, 3]`.

    Raises:
        UserError: it cannot be read, or is none.
    """
    if file.is_dir():
        raise UserError(f"{file}: expected a picture, found a folder; name a picture in it")
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    return decode(data, str(file))


def in_folder(folder: Path) -> list[Path]:
    """Returns the picture files in a folder, by their names; of what is below it, none.

    Raises:
        UserError: there is none, or the folder cannot be read.
    """
    try:
        found = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); check the path") from error
    if not found:
        raise UserError(
            f"{folder}: expected pictures in the folder ({', '.join(_SUFFIXES)}), found none; name them"
        )
    return found


def of(picture: Any, name: str) -> NDArray[np.uint8]:
    """Returns a picture that a program holds: uint8 `[h, w, 3]`.

    Args:
        picture: uint8 `[h, w]` or `[h, w, 1]` (grey), `[h, w, 3]` or `[h, w, 4]` (what is transparent
            is white), or one of Pillow's.
        name: what an error calls it.

    Raises:
        UserError: it is none of these, empty or too large.
    """
    if not isinstance(picture, np.ndarray | Image.Image):
        raise UserError(
            f"{name}: expected a file's path, a picture of Pillow's or an array, found "
            f"{type(picture).__name__}; convert it"
        )
    if isinstance(picture, np.ndarray):
        grey = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 1)
        colours = picture.ndim == 3 and picture.shape[2] in (3, 4)
        if picture.dtype != np.uint8 or not (grey or colours) or not picture.size:
            raise UserError(
                f"{name}: expected a picture as uint8 [h, w], [h, w, 3] or [h, w, 4], 0 to 255, found "
                f"{picture.dtype} {list(picture.shape)}; convert it, or name its file"
            )
        picture = Image.fromarray(picture.reshape(picture.shape[:2]) if grey else picture)
    width, height = picture.size
    _check_size(width, height, name)
    try:
        return np.array(_on_white(ImageOps.exif_transpose(picture)))
    # Pillow decodes a file that it opened only now.
    except Exception as error:
        raise UserError(
            f"{name}: expected a picture, found a damaged one ({shown(f'{error!s:.60}')}); save it anew"
        ) from error


def _check_size(width: int, height: int, name: str) -> None:
    if not 0 < width * height <= _MOST_PIXELS:
        raise UserError(
            f"{name}: expected 1 to {_MOST_PIXELS:,} pixels, found {width} x {height}; resize it"
        )


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
            _check_size(width, height, name)
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

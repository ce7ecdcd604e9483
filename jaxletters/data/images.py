"""Picture files as arrays."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jaxletters.core.errors import UserError, printable

# A telephone's pictures are smaller; what is larger would take seconds and gigabytes.
MOST_BYTES = 2**25
_MOST_PIXELS = 60_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
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
        found = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); check the path") from error
    if not found:
        raise UserError(
            f"{folder}: expected pictures in the folder ({', '.join(SUFFIXES)}), found none; name them"
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
        return in_colour(_layers(ImageOps.exif_transpose(picture)))
    # Pillow decodes a file that it opened only now.
    except Exception as error:
        raise UserError(
            f"{name}: expected a picture, found a damaged one ({printable(f'{error!s:.60}')}); save it anew"
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
            as `in_colour` makes it.
        name: what an error calls it.

    Raises:
        UserError: it is none, damaged, or too large.
    """
    with warnings.catch_warnings(action="ignore"):
        return in_colour(layers(data, name))


def layers(data: bytes, name: str, least: int = 0) -> NDArray[np.uint8]:
    """Returns the picture in the bytes of a file as it is: uint8 `[h, w]`, `[h, w, 3]` or `[h, w, 4]`.

    Grey has no third axis, and only what is not opaque has a fourth channel. Warnings are left to the caller,
    because ignoring them concerns all threads.

    Args:
        data: as for `decode`.
        name: what an error calls it.
        least: unless 0, a JPEG is decoded in an eighth, a quarter or half of its size, which is quicker, if
            height and width are at least so many pixels then.

    Raises:
        UserError: it is none, damaged, or too large.
    """
    name = printable(name)
    if len(data) > MOST_BYTES:
        raise UserError(
            f"{name}: expected a picture of at most {MOST_BYTES >> 20} MiB, found a larger file; reduce it"
        )
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            _check_size(width, height, name)
            if least:
                image.draft(None, (least, least))
            return _layers(ImageOps.exif_transpose(image))
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


def on_paper(picture: NDArray[np.uint8], paper: str) -> NDArray[np.uint8]:
    """Returns what `layers` does, transparent parts with the paper's colour, as Pillow calls it."""
    if picture.shape[2:] != (4,):
        return picture
    layered = Image.fromarray(picture)
    sheet = Image.new("RGBA", layered.size, paper)
    return np.array(Image.alpha_composite(sheet, layered).convert("RGB"))


def is_light(picture: NDArray[np.uint8]) -> bool:
    """Returns whether a picture of `layers` has transparent parts, and the others are light on average."""
    if picture.shape[2:] != (4,):
        return False
    opacity = picture[..., 3].mean(dtype=np.float64)
    black = on_paper(picture, "black").mean(dtype=np.float64)
    return bool(2 * black > opacity)


def in_colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns what `layers` does, in colour: uint8 `[h, w, 3]`.

    What is transparent is white, or black where what is not is light, so that strokes can be seen.
    """
    opaque = on_paper(picture, "black" if is_light(picture) else "white")
    return opaque if opaque.ndim == 3 else np.repeat(opaque[..., None], 3, axis=2)


def _layers(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(np.nan_to_num(np.asarray(image, np.float64)), image.mode == "F")
    if image.has_transparency_data:
        layered = np.array(image.convert("RGBA"))
        return layered if (layered[..., 3] < 255).any() else layered[..., :3].copy()
    return np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _eight_bits(grey: NDArray[np.float64], shares: bool) -> NDArray[np.uint8]:
    """Returns pixels of more bits as 0 to 255: of 12 or 16 bits, or of shares of 1, whichever holds them."""
    limits = (1, 255, 4095, 65535) if shares else (255, 4095, 65535)
    white = next((limit for limit in limits if grey.max() <= limit), grey.max())
    return np.rint(255 * np.clip(grey / white, 0, 1)).astype(np.uint8)

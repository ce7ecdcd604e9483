"""Decodes picture files to arrays."""

import contextlib
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jaxletters.core.errors import UserError, printable
from jaxletters.data import picture_formats, resize

# Pictures of telephones are smaller. Larger ones would take seconds and gigabytes.
MOST_BYTES = 2**25
_MOST_PIXELS = 60_000_000
SUFFIXES = picture_formats.SUFFIXES


def read(file: Path) -> NDArray[np.uint8]:
    """Returns the picture in a file, upright according to its EXIF data: uint8 `[h, w, 3]`.

    Raises:
        UserError: the file cannot be read, or is not a picture.
    """
    return decode(_content(file), str(file))


def pages(file: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yields the pictures in a file, upright: one, or the pages of a TIFF, each decoded when it is reached.

    Yields:
        its name, which is `scan.tiff[2]` for the second of several pages, and uint8 `[h, w, 3]`.

    Raises:
        UserError: the file or a page cannot be read, or is not a picture.
    """
    data = _content(file)
    with warnings.catch_warnings(action="ignore"), _opened(data, str(file)) as image:
        numbers = list(picture_formats.page_numbers(image, printable(str(file))))
    for i, number in enumerate(numbers, 1):
        name = f"{file}[{i}]" if len(numbers) > 1 else str(file)
        with warnings.catch_warnings(action="ignore"), _opened(data, name) as image:
            image.seek(number)
            _check_size(*image.size, printable(name))
            picture = in_colour(_layers(_upright(image)))
        yield name, picture


def size(file: Path) -> tuple[int, int]:
    """Returns (height, width) of the picture in a file, in pixels, without decoding it.

    Raises:
        UserError: the file cannot be read, or is not a picture.
    """
    with warnings.catch_warnings(action="ignore"), _opened(_content(file), str(file)) as image:
        return image.height, image.width


def _content(file: Path) -> bytes:
    if file.is_dir():
        raise UserError(f"{file}: expected a picture, found a folder; name a picture in it")
    return read_bytes(file)


def read_bytes(path: Path | str) -> bytes:
    """Returns the content of a file, at most one byte more than a picture may have.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def in_folder(folder: Path) -> list[Path]:
    """Returns the picture files directly in a folder, sorted by name.

    Raises:
        UserError: the folder has no pictures or cannot be read.
    """
    try:
        pictures = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise _unreadable(folder, error) from error
    if not pictures:
        raise UserError(
            f"{folder}: expected pictures in the folder ({', '.join(SUFFIXES)}), found no picture; name them"
        )
    return pictures


def _unreadable(path: Path | str, error: OSError) -> UserError:
    return UserError(
        f"{printable(str(path))}: cannot be read ({error.strerror}); check the path and its permissions"
    )


def from_memory(picture: object, name: str) -> NDArray[np.uint8]:
    """Returns an array or an image of Pillow's as a picture: uint8 `[h, w, 3]`.

    Args:
        picture: uint8 `[h, w]` or `[h, w, 1]` (grey), `[h, w, 3]` or `[h, w, 4]` (transparent parts
            become white), or a `PIL.Image.Image`.
        name: its name in error messages.

    Raises:
        UserError: it has another type, is empty or too large.
    """
    if isinstance(picture, np.ndarray):
        picture = _from_array(cast(np.ndarray, picture), name)
    elif not isinstance(picture, Image.Image):
        raise UserError(
            f"{name}: expected a file's path, a picture of Pillow's or an array, found "
            f"{type(picture).__name__}; convert it"
        )
    width, height = picture.size
    _check_size(width, height, name)
    try:
        return in_colour(_layers(_upright(picture)))
    # Pillow decodes a file lazily, so damage shows here.
    except Exception as error:
        raise UserError(
            f"{name}: expected a picture, found a damaged one ({printable(f'{error!s:.60}')}); save it again"
        ) from error


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    colours = array.ndim == 3 and array.shape[2] in (3, 4)
    if array.dtype != np.uint8 or not (grey or colours) or not array.size:
        raise UserError(
            f"{name}: expected a picture as uint8 [h, w], [h, w, 3] or [h, w, 4], 0 to 255, found "
            f"{array.dtype} {list(array.shape)}; convert it, or name its file"
        )
    return Image.fromarray(array.reshape(array.shape[:2]) if grey else array)


def _check_size(width: int, height: int, name: str) -> None:
    if not 0 < width * height <= _MOST_PIXELS:
        raise UserError(
            f"{name}: expected 1 to {_MOST_PIXELS:,} pixels, found {width} x {height}; resize it"
        )


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Returns the picture in the bytes of a file, uint8 `[h, w, 3]`; see `layers` and `in_colour`."""
    with warnings.catch_warnings(action="ignore"):
        return in_colour(layers(data, name))


def layers(data: bytes, name: str, least: int = 0) -> NDArray[np.uint8]:
    """Returns the channels of a picture file: uint8 `[h, w]`, `[h, w, 3]` or `[h, w, 4]`.

    Grey has no third axis, and only transparent pictures have a fourth channel. The caller handles warnings,
    because a filter applies to all threads.

    Args:
        data: PNG, JPEG, or another format of `picture_formats.open_picture`.
        name: its name in error messages.
        least: unless 0, a JPEG is decoded at an eighth, a quarter or half of its size, which is faster, if
            height and width then have at least this many pixels.

    Raises:
        UserError: it is not one picture, damaged, or too large.
    """
    with _opened(data, name) as image:
        numbers = picture_formats.page_numbers(image, printable(name))
        number = next(numbers)
        if next(numbers, None) is not None:
            raise UserError(
                f"{printable(name)}: expected one picture, found several pages; read the file with "
                "jaxletters predict, or save the page to read as a PNG"
            )
        image.seek(number)
        _check_size(*image.size, printable(name))
        if least:
            image.draft(None, (least, least))
        return _layers(_upright(image))


@contextlib.contextmanager
def _opened(data: bytes, name: str) -> Generator[Image.Image]:
    """Opens a picture file, and turns what Pillow raises while it is open into a UserError."""
    name = printable(name)
    if len(data) > MOST_BYTES:
        raise UserError(
            f"{name}: expected a picture of at most {MOST_BYTES >> 20} MiB, found a larger file; reduce it"
        )
    try:
        with picture_formats.open_picture(data, name) as image:
            yield image
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{name}: expected at most {_MOST_PIXELS:,} pixels, found far more; reduce it"
        ) from error
    # On damaged files Pillow's decoders raise nearly any type.
    except Exception as error:
        raise UserError(
            f"{name}: expected a picture (PNG, JPEG ...), found another or a damaged file; save it again"
        ) from error


def _upright(image: Image.Image) -> Image.Image:
    # A copy, because Pillow 10.3 cannot turn a picture of an MPO file: "broken data stream".
    return ImageOps.exif_transpose(image.copy())


def on_paper(picture: NDArray[np.uint8], paper: str) -> NDArray[np.uint8]:
    """Returns a picture of `layers` without transparency, on paper of a colour that Pillow knows."""
    if picture.shape[2:] != (4,):
        return picture
    layered = Image.fromarray(picture)
    sheet = Image.new("RGBA", layered.size, paper)
    return np.array(Image.alpha_composite(sheet, layered).convert("RGB"))


def lightness(picture: NDArray[np.uint8]) -> int:
    """Returns 1 if a picture of `layers` is light on transparent, -1 if it is dark, 0 if it is opaque."""
    if picture.shape[2:] != (4,):
        return 0
    black = on_paper(picture, "black").mean(dtype=np.float64)
    return int(np.sign(2 * black - picture[..., 3].mean(dtype=np.float64)))


def in_colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a picture of `layers` in colour: uint8 `[h, w, 3]`.

    Transparent parts become white, or black if the opaque parts are light, so that strokes are visible.
    """
    return resize.colour(on_paper(picture, "black" if lightness(picture) > 0 else "white"))


def _layers(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(np.nan_to_num(np.asarray(image, np.float64)), image.mode == "F")
    if image.has_transparency_data:
        layered = np.array(image.convert("RGBA"))
        return layered if (layered[..., 3] < 255).any() else layered[..., :3].copy()
    return np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _eight_bits(grey: NDArray[np.float64], shares: bool) -> NDArray[np.uint8]:
    """Returns pixels as 0 to 255; the largest value decides whether they have 12 or 16 bits or are 0 to 1."""
    limits = (1, 255, 4095, 65535) if shares else (255, 4095, 65535)
    white = next((limit for limit in limits if grey.max() <= limit), grey.max())
    return np.rint(255 * np.clip(grey / white, 0, 1)).astype(np.uint8)

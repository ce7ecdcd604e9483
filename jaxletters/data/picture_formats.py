"""Opens picture files with Pillow, and says what to do with files that are not one picture.

A camera's MPO file, several pictures in one JPEG, is its first picture. The pages of a TIFF are pictures of
their own. An animation is refused, because any of its frames may be the one to read.
"""

import importlib.util
import io
import itertools
from collections.abc import Iterator

from PIL import Image

from jaxletters.core.errors import UserError

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".heic", ".heif", ".avif"),
)
INSTALL_EXTRA = "pip install 'jaxletters[heic]'"
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
# The brands of ISO/IEC 23008-12, annex B, and of AVIF 1.1, section 6.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
# TIFF 6.0, section 8: the tag NewSubfileType, and its bits for a reduced picture and a mask.
_SUBFILE_TYPE, _NO_PAGE = 254, 0b101


def open_picture(data: bytes, name: str) -> Image.Image:
    """Opens the bytes of a picture file; pixels may be decoded later.

    Args:
        data: PNG, JPEG, WebP, BMP, TIFF, GIF, AVIF, or HEIC where pillow-heif is installed.
        name: its name in error messages.

    Raises:
        UserError: the format is known but cannot be opened here.
        Exception: of any type, as Pillow raises it, for other and for damaged files.
    """
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return _open_avif(data, name)
    if brands & _HEIF_BRANDS:
        return _open_heif(data, name)
    if data.startswith(b"%PDF-"):
        raise UserError(
            f"{name}: expected a picture, found a PDF; save its pages as pictures, for example with "
            "pdftoppm -r 200 -png FILE.pdf page"
        )
    return Image.open(io.BytesIO(data), formats=_FORMATS)


def page_numbers(image: Image.Image, name: str) -> Iterator[int]:
    """Yields the frames of an opened file that are pictures to read: several only for a TIFF.

    A reduced copy of a page and a mask are no pages. The image is left at any of its frames.

    Raises:
        UserError: the file is an animation.
    """
    if image.format == "TIFF":
        yield from _tiff_pages(image)
    elif image.format not in ("MPO", "HEIF") and getattr(image, "is_animated", False):
        raise UserError(
            f"{name}: expected one picture, found an animation; save the frame to read as a PNG"
        )
    else:
        yield image.tell()  # of an HEIC with several pictures, the primary one


def _tiff_pages(image: Image.Image) -> Iterator[int]:
    for number in itertools.count():
        try:
            image.seek(number)
        except EOFError:
            return
        tags: dict[int, int] = getattr(image, "tag_v2", {})
        if number == 0 or not tags.get(_SUBFILE_TYPE, 0) & _NO_PAGE:
            yield number


def _brands(data: bytes) -> set[bytes]:
    """Returns the brands in the first box of an ISO media file, none for other files."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}


def _open_avif(data: bytes, name: str) -> Image.Image:
    Image.init()
    if "AVIF" not in Image.OPEN:
        raise UserError(
            f"{name}: expected a picture that Pillow reads, found AVIF, which needs Pillow 11.3 or newer; "
            "pip install --upgrade pillow, or save it as a JPEG"
        )
    return Image.open(io.BytesIO(data), formats=("AVIF",))


def _open_heif(data: bytes, name: str) -> Image.Image:
    if importlib.util.find_spec("pillow_heif") is None:
        raise UserError(
            f"{name}: expected a picture that Pillow reads, found HEIC, which needs pillow-heif; "
            f"{INSTALL_EXTRA}, or save it as a JPEG"
        )
    import pillow_heif

    # Not `register_heif_opener`, which changes Pillow for the whole process. Of several pictures this
    # is the primary one, and libheif turns it upright.
    return pillow_heif.HeifImageFile(io.BytesIO(data))

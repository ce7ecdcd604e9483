"""Converts arrays of images in common layouts and ranges of values to one form."""

import math
from collections.abc import Iterable

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.formats.contents import NamedArray

_CHANNELS = (1, 3, 4)
# Binary AlphaDigits' images, which are not square.
_ALPHA_DIGITS = (20, 16)
_MOST_PIXELS = 4096
_AT_ONCE = 2**12
# Fractions that are all smaller than this are not shades from 0 to 255.
_DIM = 128


def standard(
    splits: dict[str, NamedArray], counts: dict[str, int]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the images of every split, uint8 `[n, h, w]` or `[n, h, w, 3]`, and a remark per assumption.

    All splits are converted alike: the channels are merged if they are equal in all splits, and the range of
    values is that of all splits with the same dtype.

    Args:
        splits: images as rows of pixels, columns of pixels, or squares, with or without a channel axis.
        counts: the number of images that each split must have.

    Raises:
        UserError: they are not images, or have several shapes.
    """
    remarks: list[str] = []
    layouts = {key: _four_axes(images, counts[key], remarks) for key, images in splits.items()}
    ranges: dict[np.dtype, tuple[float, float]] = {}
    for images in layouts.values():
        low, high = ranges.get(images.dtype, (math.inf, -math.inf))
        # NumPy's minimum and maximum keep NaN, unlike Python's.
        ranges[images.dtype] = (
            float(np.minimum(low, images.min())),
            float(np.maximum(high, images.max())),
        )
    bytes_: dict[str, np.ndarray] = {}
    for key, images in layouts.items():
        scale = _scale(images, splits[key].name, ranges[images.dtype], remarks)
        bytes_[key] = _on_white(_scaled(images, *scale), remarks)
    if all(_is_grey(images) for images in bytes_.values()):
        if any(images.shape[-1] > 1 for images in bytes_.values()):
            remarks.append("The three channels of the images are equal; they are read as grey.")
        bytes_ = {key: np.ascontiguousarray(i[..., 0]) for key, i in bytes_.items()}
    else:
        bytes_ = {key: np.repeat(i, 3, -1) if i.shape[-1] == 1 else i for key, i in bytes_.items()}
    _check_sizes(bytes_, splits)
    return bytes_, remarks


def _four_axes(images: NamedArray, count: int, remarks: list[str]) -> np.ndarray:
    """Returns images as `[n, h, w, c]`."""
    name, values = images
    shape = values.shape
    if values.dtype.kind not in "buif":
        raise UserError(
            f"{name}: expected images as numbers, found {values.dtype}; save them as uint8"
        )
    if values.ndim == 2 and shape[0] != count == shape[1]:
        remarks.append(f"Each column is read as an image, because there are {count:,} labels.")
        values = values.T
    if not values.size or not values.ndim or len(values) != count:
        raise UserError(
            f"{name}: expected {count:,} images, one per label, found an array of shape {list(shape)}; "
            "are the labels those of these images?"
        )
    if values.ndim == 3 and 1 in values.shape[1:]:
        values = values.reshape(count, -1)
    if values.ndim == 2:
        pixels = values.shape[1]
        size = (math.isqrt(pixels),) * 2
        if pixels == math.prod(_ALPHA_DIGITS):
            size = _ALPHA_DIGITS
            remarks.append(f"Rows of {pixels} pixels are taken for Binary AlphaDigits' 20 x 16.")
        if math.prod(size) == pixels:
            values = values.reshape(count, *size)
    if values.ndim == 3:
        values = values[..., None]
    elif values.ndim == 4 and values.shape[-1] not in _CHANNELS and values.shape[1] in _CHANNELS:
        values = np.moveaxis(values, 1, -1)
    if (
        values.ndim != 4
        or values.shape[-1] not in _CHANNELS
        or not 0 < min(values.shape) <= max(values.shape[1:]) <= _MOST_PIXELS
    ):
        raise UserError(
            f"{name}: expected images as [n, h, w], [n, h, w, 3], [n, 3, h, w] or rows of the pixels of a "
            f"square, at most {_MOST_PIXELS} pixels wide, found {list(shape)}; reshape them"
        )
    return values


def _scale(
    images: np.ndarray, name: str, span: tuple[float, float], remarks: list[str]
) -> tuple[float, float]:
    """Returns the factor and the offset that bring pixels to 0 to 255."""
    low, high = span
    kind = images.dtype.kind
    if kind == "b":
        return 255, 0
    if 0 <= low <= high <= 1:
        if kind != "f" and high:
            remarks.append("Pixels are 0 or 1; 1 is read as 255.")
        return 255, 0
    if -1 <= low <= -0.9 and 0.9 <= high <= 1:
        remarks.append("Pixels are -1 to 1; they are read as 0 to 255.")
        return 127.5, 127.5
    if images.dtype == np.uint16 and high > 2**15:
        remarks.append("Pixels have 16 bits; they are divided by 257.")
        return 1 / 257, 0
    dim = kind == "f" and high < _DIM and not _whole(images)
    if not 0 <= low <= high <= 255 or dim:
        raise UserError(
            f"{name}: expected values 0 to 255, 0 to 1, -1 to 1, or 16 bits, found {low:g} to {high:g}; "
            "scale them to 0 to 255"
        )
    return 1, 0


def _batches(images: np.ndarray) -> Iterable[np.ndarray]:
    return (images[i : i + _AT_ONCE] for i in range(0, len(images), _AT_ONCE))


def _whole(images: np.ndarray) -> bool:
    return all((batch == np.rint(batch)).all() for batch in _batches(images))


def _scaled(images: np.ndarray, factor: float, offset: float) -> np.ndarray:
    if images.dtype == np.uint8 and factor == 1:
        return images
    parts = [
        np.rint(batch * np.float32(factor) + np.float32(offset)).astype(np.uint8)
        for batch in _batches(images)
    ]
    return np.concatenate(parts)


def _on_white(images: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Returns images without an alpha channel; transparent parts become white."""
    if images.shape[-1] != 4:
        return images
    remarks.append("What is transparent in the images is read as white.")
    parts: list[np.ndarray] = []
    for batch in _batches(images):
        colour, alpha = batch[..., :3].astype(np.uint16), batch[..., 3:].astype(np.uint16)
        parts.append(((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8))
    return np.concatenate(parts)


def _is_grey(images: np.ndarray) -> bool:
    return all((batch == batch[..., :1]).all() for batch in _batches(images))


def _check_sizes(images: dict[str, np.ndarray], named: dict[str, NamedArray]) -> None:
    first, *others = images
    for key in others:
        if images[key].shape[1:] != images[first].shape[1:]:
            raise UserError(
                f"{named[key].name}: expected images of {images[first].shape[1:3]} pixels as in "
                f"{named[first].name}, found {images[key].shape[1:3]}; bring all to one size"
            )

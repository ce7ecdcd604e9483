"""The ink of a letter as an image of a dataset: its size, position and stroke width on the canvas."""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from jaxletters.data import resize

Floats = NDArray[np.floating[Any]]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Side of an image in pixels, and the factor by which the canvas is finer before it is averaged.
SIDE, _OVERSAMPLING = 28, 4
# Standard deviation of the final blur, in pixels.
_BLUR = 0.5


class Canvas(NamedTuple):
    """The placement of characters by the authors of a dataset.

    Attributes:
        margin: blank pixels around a character, before it is blurred.
        stroke_widths: the usual range in pixels, which 90% of strokes are in.
        by_mass: whether the centre of mass is in the middle, instead of the centre of the box.
    """

    margin: int
    stroke_widths: tuple[float, float]
    by_mass: bool


# The keys are those of `resize.CHARACTERS`.
CANVASES = {"emnist": Canvas(3, (2.2, 4.0), False), "mnist": Canvas(4, (1.8, 3.3), True)}


def render(ink: Floats, canvas: Canvas) -> NDArray[np.uint8]:
    """Returns a letter on a canvas, with strokes of a usual width: uint8 `[28, 28]`."""
    length = _OVERSAMPLING * (SIDE - 2 * canvas.margin)
    mask = _scale(ink, length)
    width = _stroke_width(mask) / _OVERSAMPLING
    growth = _OVERSAMPLING * (np.clip(width, *canvas.stroke_widths) - width) / 2
    if growth > 0:
        mask = _scale(ink, length - 2 * growth)
        mask = distance_transform(~mask) <= growth
    elif growth < 0:
        mask = distance_transform(mask) > -growth
    if canvas.by_mass and mask.any():
        box = _ndimage.find_objects(mask.astype(np.uint8))[0]
        mask = resize.centred(mask[box], np.zeros_like(mask), mask[box])
    fine = mask.reshape(SIDE, _OVERSAMPLING, SIDE, _OVERSAMPLING)
    blurred = _ndimage.gaussian_filter(fine.mean((1, 3)), _BLUR)
    return np.rint(255 * blurred / max(blurred.max(), 1e-6)).astype(np.uint8)


def distance_transform(mask: NDArray[np.bool_]) -> Floats:
    """Returns the distance of each pixel of a mask to the nearest pixel outside it."""
    return _ndimage.distance_transform_edt(mask)


def _scale(ink: Floats, length: float) -> NDArray[np.bool_]:
    """Returns the mask of a letter in the middle of the fine canvas, its longer side of `length` pixels."""
    height, width = (max(round(size * length / max(ink.shape)), 1) for size in ink.shape)
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    canvas = np.zeros((_OVERSAMPLING * SIDE, _OVERSAMPLING * SIDE), bool)
    return resize.centred(np.asarray(scaled) > 0.5, canvas)


def _stroke_width(mask: NDArray[np.bool_]) -> float:
    """Returns the median stroke width in pixels, from the distances of centre lines to edges."""
    distance = distance_transform(mask)
    centre_line = (distance == _ndimage.maximum_filter(distance, 5)) & mask
    return float(2 * np.median(distance[centre_line]) - 1) if centre_line.any() else 0.0

"""The ink of letters as images of a dataset: their size, position and stroke width on the canvas."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from jaxletters.data import resize
from jaxletters.reading.strokes import INK_THRESHOLD, Box, Floats

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Side of an image in pixels, and the factor by which the canvas is finer before it is averaged.
SIDE, _OVERSAMPLING = 28, 4
# Standard deviation of the final blur, in pixels.
_BLUR = 0.5
# The height in pixels to which a line is scaled, near that of a letter on the fine canvas.
_HEIGHT = 72
# The most pixels for each of the page: what is lower than letters, such as a dash, may be long.
_MAX_SCALE = 8.0
# Distances outside of the ink are clipped to this, in pixels of the scaled line: more than strokes ever grow.
_FAR = 10.0


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


class Outlines(NamedTuple):
    """The outlines of the pieces of a line, at a scale that fits the canvas.

    Distances to the edge of the ink are computed once for a line; the letters that are tried share them.

    Attributes:
        distance: of each pixel to the edge of the ink, negative outside: float32 `[h, w]`.
        nearest: the number of the piece that is nearest to each pixel: int32 `[h, w]`.
        pieces: the highest number of a piece.
        centres: bool `[h, w]`, the centre lines of strokes.
        origin: (left, top) of the first pixel, in pixels of the page.
        scale: pixels for each pixel of the page.
    """

    distance: NDArray[np.float32]
    nearest: NDArray[np.int32]
    pieces: int
    centres: NDArray[np.bool_]
    origin: tuple[int, int]
    scale: float


class Part(NamedTuple):
    """Pieces of a line that may be a letter: their numbers, and their box in pixels of the page."""

    numbers: Sequence[int]
    box: Box


def outlines(ink: Floats, pieces: NDArray[np.int32], box: Box, height: float) -> Outlines:
    """Returns the outlines of the pieces in a box of a page.

    Args:
        ink: the share of ink in each pixel of the page: float32 `[h, w]`.
        pieces: the number of the piece of each pixel, 0 for paper: int32 `[h, w]`.
        box: of the line, in pixels.
        height: the usual height of its characters in pixels.
    """
    left, top = max(box[0] - 2, 0), max(box[1] - 2, 0)
    window = slice(top, box[3] + 2), slice(left, box[2] + 2)
    scale = min(_HEIGHT / height, _MAX_SCALE)
    size = [max(round(side * scale), 1) for side in ink[window].shape[::-1]]
    numbers = np.asarray(
        Image.fromarray(np.ascontiguousarray(pieces[window])).resize(size, Image.Resampling.NEAREST)
    )
    soft = np.ascontiguousarray(ink[window], np.float32)
    scaled = np.asarray(Image.fromarray(soft).resize(size, Image.Resampling.BILINEAR))
    mask = (scaled > 0.5) & (numbers > 0)
    inside: Floats = _ndimage.distance_transform_edt(mask)
    centres = (inside == _ndimage.maximum_filter(inside, 5)) & mask
    outside, places = _ndimage.distance_transform_edt(~mask, return_indices=True)
    distance = np.where(mask, inside - 0.5, 0.5 - np.minimum(outside, _FAR))
    nearest = numbers[tuple(places)]
    count = int(pieces[window].max())
    return Outlines(distance.astype(np.float32), nearest, count, centres, (left, top), scale)


def of_ink(ink: Floats, canvas: Canvas) -> NDArray[np.uint8]:
    """Returns all ink as one letter on a canvas: uint8 `[28, 28]`.

    Args:
        ink: the share of ink in each pixel, with some written pixels: float32 `[h, w]`.
        canvas: of the dataset.
    """
    written = ink > INK_THRESHOLD
    (rows, columns) = (np.flatnonzero(written.any(axis)) for axis in (1, 0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    found = outlines(ink, written.astype(np.int32), box, box[3] - box[1])
    return render(found, [Part([1], box)], canvas)[0]


def render(found: Outlines, parts: Sequence[Part], canvas: Canvas) -> NDArray[np.uint8]:
    """Returns letters on a canvas, with strokes of a usual width: uint8 `[parts, 28, 28]`."""
    fine = np.stack([_fine(found, part, canvas) for part in parts])
    shape = len(parts), SIDE, _OVERSAMPLING, SIDE, _OVERSAMPLING
    images = fine.reshape(shape).mean((2, 4), dtype=np.float32)
    blurred: Floats = _ndimage.gaussian_filter(images, (0, _BLUR, _BLUR))
    highest = np.maximum(blurred.max((1, 2), keepdims=True), 1e-6)
    return np.rint(255 * blurred / highest).astype(np.uint8)


def _fine(found: Outlines, part: Part, canvas: Canvas) -> NDArray[np.bool_]:
    """Returns the mask of a letter on the fine canvas: bool `[112, 112]`."""
    box = [
        (side - found.origin[i % 2]) * found.scale for i, side in enumerate(part.box)
    ]  # in pixels of the outlines
    width, height = box[2] - box[0], box[3] - box[1]
    columns = slice(max(int(box[0] - _FAR), 0), int(box[2] + _FAR) + 1)
    rows = slice(max(int(box[1] - _FAR), 0), int(box[3] + _FAR) + 1)
    is_own = np.zeros(found.pieces + 1, bool)
    is_own[part.numbers] = True
    own = is_own[found.nearest[rows, columns]]
    distance = np.where(own, found.distance[rows, columns], np.float32(-_FAR))
    length = _OVERSAMPLING * (SIDE - 2 * canvas.margin)
    # The width of strokes in pixels of the outlines, then in pixels of the canvas.
    stroke = _stroke_width(distance[found.centres[rows, columns] & own])
    scale = length / max(width, height)
    usual = float(np.clip(stroke * scale / _OVERSAMPLING, *canvas.stroke_widths))
    growth = (usual * _OVERSAMPLING - stroke * scale) / 2
    if growth > 0:
        scale = (length - 2 * growth) / max(width, height)
    growth /= scale
    beside = max(growth, 0)
    window = (
        box[0] - columns.start - beside, box[1] - rows.start - beside,
        box[2] - columns.start + beside, box[3] - rows.start + beside,
    )  # fmt: skip
    shape = distance.shape[::-1]
    left, top = max(window[0], 0), max(window[1], 0)
    right, bottom = min(window[2], shape[0]), min(window[3], shape[1])
    size = [max(round(side * scale), 1) for side in (right - left, bottom - top)]
    resized = Image.fromarray(distance).resize(
        size, Image.Resampling.BILINEAR, (left, top, right, bottom)
    )
    mask = np.asarray(resized) > -growth
    fine = np.zeros((_OVERSAMPLING * SIDE, _OVERSAMPLING * SIDE), bool)
    return resize.centred(mask, fine, mask if canvas.by_mass and mask.any() else None)


def _stroke_width(distances: Floats) -> float:
    """Returns the median width of strokes from the distances of their centre lines to their edges."""
    if not len(distances):
        return 0.0
    middle = len(distances) // 2
    return float(2 * np.partition(distances, middle)[middle])

"""From a picture to the share of ink in each pixel of its paper.

The steps: the sheet on its ground (`sheet`), a working scale, the colour of the paper with its light and
shadows, printed rules (`rules`), and ink as what still differs from the paper.
"""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.reading import paper, perspective, rules, sheet
from jaxletters.reading.paper import Floats
from jaxletters.reading.strokes import INK_THRESHOLD, STROKE_THRESHOLD

Box = tuple[int, int, int, int]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Longer side of the working image in pixels, and the longer side for pages of small letters.
_MAX_SIDE, _MAX_SIDE_OF_PAGES = 1000, 2000
# Letters lower than this many pixels are looked at in a finer image, where they have at most the second.
_LEAST_HEIGHT, _WANTED_HEIGHT = 40, 80
# The least contrast of ink to paper, of 255, and as a multiple of the noise of the paper.
_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE = 20, 4
# The height of faint marks that are reported, of letters.
_LARGE_MARK = 0.5
# The share of full ink in a break of a stroke where the pen was too light, and the largest size of the break,
# of the height of letters.
_LIGHT, _MAX_BREAK = 0.2, 0.3
# Area of specks as a share of the square of the pen's width.
_SPECK = 0.3
# A dark edge of the picture: share of the side that it takes at least, and its depth at most, of the width
# or height of the picture.
_EDGE_LENGTH, _EDGE_DEPTH = 0.85, 0.12
# An edge that is not so deep is not worth a word.
_SEEN_EDGE = 0.01


class Unread(NamedTuple):
    """Something in a picture that is not read.

    Attributes:
        box: (left, top, right, bottom) in pixels of the picture, the last two exclusive.
        reason: why, in words.
    """

    box: Box
    reason: str


class Paper(NamedTuple):
    """The ink on a sheet of paper.

    Attributes:
        ink: float32 `[h, w]`, from 0 for paper to 1 for full ink, of the rectified and reduced sheet.
        homography: float64 `[3, 3]`, maps (x, y, 1) in pixels of `ink` to pixels of the picture. Both
            count from the outer corner of the first pixel, so that the edges of boxes are mapped.
        unread: what is neither paper nor ink.
    """

    ink: Floats
    homography: NDArray[np.float64]
    unread: list[Unread]


def find_ink(picture: NDArray[np.uint8]) -> Paper:
    """Returns the ink on the paper in a picture.

    Args:
        picture: uint8 `[h, w, 3]`.
    """
    height, width = picture.shape[:2]
    if min(height, width) < -(-max(height, width) // _MAX_SIDE):
        return Paper(np.zeros((0, 0), np.float32), np.eye(3), [])  # too thin to be reduced
    found = sheet.find_sheet(picture)
    unread = [Unread(box, "outside of the sheet") for box in found.outside]
    rectified = perspective.rectify(picture, found.corners, _MAX_SIDE)
    written = _ink(rectified, found.corners is not None)
    if 0 < written.height < _LEAST_HEIGHT:
        side = min(
            _MAX_SIDE_OF_PAGES, round(max(written.ink.shape) * _WANTED_HEIGHT / written.height)
        )
        finer = perspective.rectify(picture, found.corners, side)
        if finer.image.size > rectified.image.size:
            rectified = finer
            written = _ink(rectified, found.corners is not None)
    for box, reason in written.unread:
        box = _box_in_picture(box, rectified.homography, (height, width))
        unread.append(Unread(box, reason))
    return Paper(written.ink, rectified.homography, unread)


class _Written(NamedTuple):
    """The ink on a sheet, the height of letters in pixels, 0 without ink, and what is no ink."""

    ink: Floats
    height: float
    unread: list[Unread]


def _box_in_picture(box: Box, homography: NDArray[np.float64], shape: tuple[int, int]) -> Box:
    """Returns the box of the four corners of a box in the picture."""
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    there = perspective.project(homography, corners)
    low = np.floor(there.min(0)).clip(0).astype(int)
    high = np.ceil(there.max(0)).clip(max=[shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _ink(rectified: perspective.Rectified, has_edge: bool) -> _Written:
    """Returns the ink on a sheet; all boxes are in its pixels.

    Args:
        rectified: the sheet.
        has_edge: whether the edge of a sheet, which is no ink, may be just inside of the image.
    """
    image, _, beyond = rectified
    difference = paper.difference(image, min(max(image.shape[:2]) / _MAX_SIDE, 1))
    if beyond is not None:
        difference[beyond] = 0
    noise = float(np.median(difference))
    least = max(_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE * noise)
    edges = _clear_edges(difference, 2 * least, has_edge)
    unread = [Unread(box, "the dark edge of the picture") for box in edges]
    unread += [Unread(box, "a line") for box in rules.remove(difference, noise)]
    ink, height, faint = _strokes(_bridge(_share(difference, noise)))
    return _Written(ink, height, unread + [Unread(box, "too faint") for box in faint])


def of_boxes(image: Floats) -> Floats:
    """Returns the share of ink in each pixel of paper without edges, lines and rules: float32 `[h, w]`.

    Args:
        image: float32 `[h, w, 3]`, 0 to 255.
    """
    difference = paper.difference(image, min(max(image.shape[:2]) / _MAX_SIDE, 1))
    return _strokes(_share(difference, float(np.median(difference))))[0]


def _share(difference: Floats, noise: float) -> Floats:
    """Returns the share of ink in each pixel: float32 `[h, w]`.

    Args:
        difference: float32 `[h, w]`, of pixels and paper.
        noise: that of the paper.
    """
    written = difference > paper.otsu_threshold(difference)
    full = float(np.median(difference[written])) if written.any() else 0.0
    if full < max(_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE * noise):
        return np.zeros_like(difference)
    return np.clip((difference - noise) / (full - noise), 0, 1)


def _bridge(ink: Floats) -> Floats:
    """Returns ink in which strokes continue through breaks that are pale but not paper.

    A flat break stays, because it may be what is left of a rule between two letters.
    """
    written = ink > INK_THRESHOLD
    labels, count = _ndimage.label(written, np.ones((3, 3)))
    if count < 2:
        return ink
    tall = max(y.stop - y.start for y, _ in _ndimage.find_objects(labels))
    # Without the soft edges of strokes, which are as pale.
    near = _ndimage.binary_dilation(written, iterations=2)
    pale = (ink > _LIGHT) & ~written
    breaks, _ = _ndimage.label(pale & ~near, np.ones((3, 3)))
    for k, (y, x) in enumerate(_ndimage.find_objects(breaks), 1):
        height, width = y.stop - y.start, x.stop - x.start
        if height < width or height > _MAX_BREAK * tall:
            continue
        around = slice(max(y.start - 4, 0), y.stop + 4), slice(max(x.start - 4, 0), x.stop + 4)
        grown = _ndimage.binary_dilation(breaks[around] == k, np.ones((3, 3)), iterations=4)
        if len(np.unique(labels[around][grown & written[around]])) >= 2:
            ink[around][grown & pale[around]] = STROKE_THRESHOLD
    return ink


def _strokes(ink: Floats) -> tuple[Floats, float, list[Box]]:
    """Returns ink without specks and faint marks, the height of letters, and boxes of large faint marks."""
    written = ink > INK_THRESHOLD
    labels, count = _ndimage.label(written, np.ones((3, 3)))
    if not count:
        return ink, 0.0, []
    boxes = cast(list[tuple[slice, slice]], _ndimage.find_objects(labels))
    areas = np.bincount(labels.ravel())[1:]
    strong = np.zeros(count, bool)
    strong[np.unique(labels[ink > STROKE_THRESHOLD]) - 1] = True
    kept = strong & (areas >= max(_SPECK * paper.pen_width(written) ** 2, 2))
    heights = np.array([y.stop - y.start for y, _ in boxes])
    if not kept.any():
        return np.zeros_like(ink), 0.0, []
    height = float(np.median(heights[kept & (heights >= np.quantile(heights[kept], 0.9) / 3)]))
    faint: list[Box] = []
    for k in np.flatnonzero(~kept):
        y, x = boxes[k]
        around = slice(max(y.start - 2, 0), y.stop + 2), slice(max(x.start - 2, 0), x.stop + 2)
        others = written[around] & (labels[around] != k + 1)
        ink[around] = np.where(others, ink[around], 0)
        if y.stop - y.start > _LARGE_MARK * height:
            faint.append((x.start, y.start, x.stop, y.stop))
    return ink, height, faint


def _clear_edges(difference: Floats, least: float, has_edge: bool) -> list[Box]:
    """Removes dark strips along the edges of an image from it, and returns their boxes.

    A scanner leaves such strips beside the paper. A stroke at the edge does not take the whole side, or is
    part of a letter that has other strokes inside of the image.
    """
    boxes: list[Box] = []
    for side in range(4):
        view = np.rot90(difference, side)  # the side is at the left
        width = view.shape[1]
        deepest = max(int(_EDGE_DEPTH * width), 1)
        edge = view[:, : deepest + 1] > least
        depths = np.logical_and.accumulate(edge, axis=1).sum(axis=1)
        covered = depths > 0
        if covered.mean() < _EDGE_LENGTH:
            continue
        depth = int(np.quantile(depths[covered], 0.9)) + 2
        if depth > deepest or (depths > 1.5 * depth + 2).mean() > 0.02:
            continue
        view[:, :depth] = np.minimum(view[:, :depth], view[:, depth : depth + 1])
        if depth > _SEEN_EDGE * width and not has_edge:
            boxes.append(_turned_back(depth, side, difference.shape))
    return boxes


def _turned_back(depth: int, side: int, shape: tuple[int, ...]) -> Box:
    """Returns the box of a strip along the left of an image that was turned by `side` times 90 degrees."""
    height, width = shape[:2]
    strips = ((0, 0, depth, height), (0, 0, width, depth))
    others = ((width - depth, 0, width, height), (0, height - depth, width, height))
    return (strips[0], strips[1], others[0], others[1])[side]

"""Connected strokes of ink, and the usual size of a character among them."""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, the last two exclusive."""

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Shares of full ink: the threshold of written pixels, and what a stroke must exceed in at least one pixel.
INK_THRESHOLD, STROKE_THRESHOLD = 0.4, 0.65
# More strokes than this are a pattern and not writing.
MAX_STROKES = 2000
# Share of the height of a character: the width of breaks, across which strokes are joined.
_BREAK = 0.03
# A stroke inside of another one belongs to it, as the eyes of a face, if it has at most this share of its
# height, and the other at most this many usual heights: a frame around writing is no character.
_MAX_INSIDE, _MAX_AROUND = 0.5, 1.6


class Stroke(NamedTuple):
    """A connected stroke: its number in the label image, and its box."""

    label: int
    box: Box

    @property
    def width(self) -> int:
        """The width of the box in pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """The height of the box in pixels."""
        return self.box[3] - self.box[1]

    @property
    def size(self) -> int:
        """The longer side of the box in pixels."""
        return max(self.width, self.height)


def gap(a: Box, b: Box, axis: int) -> int:
    """Returns the gap between two boxes along x (0) or y (1), negative where they overlap."""
    return max(a[axis], b[axis]) - min(a[axis + 2], b[axis + 2])


def union(boxes: list[Box]) -> Box:
    """Returns the smallest box that contains all boxes."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def find_strokes(ink: Floats) -> tuple[NDArray[np.int32], list[Stroke]]:
    """Returns the label of every pixel, int32 `[h, w]` with 0 for paper, and the strokes with their boxes.

    Args:
        ink: the share of ink in each pixel, from 0 to 1: float32 `[h, w]`.
    """
    written = ink > INK_THRESHOLD
    if not written.any():
        return np.zeros(ink.shape, np.int32), []
    labels = _label(written)
    height = usual_height(_boxes(labels, ink))
    if _BREAK * height >= 2:
        distance = _ndimage.distance_transform_edt(~written)
        labels = np.where(written, _label(distance <= _BREAK * height / 2), 0)
    found = _boxes(labels, ink)
    if len(found) <= MAX_STROKES and _join_enclosed(labels, found):
        found = _boxes(labels, ink)
    return labels, found


def _join_enclosed(labels: NDArray[np.int32], strokes: list[Stroke]) -> bool:
    """Gives strokes that another one surrounds the label of that one; returns whether there are any."""
    height = usual_height(strokes)
    joined = False
    boxes = np.array([stroke.box for stroke in strokes]).reshape(-1, 4)
    heights = boxes[:, 3] - boxes[:, 1]
    for stroke in strokes:
        left, top, right, bottom = stroke.box
        row, column = (top + bottom) // 2, (left + right) // 2
        is_around = (boxes[:, :2] < (left, top)).all(1) & (boxes[:, 2:] > (right, bottom)).all(1)
        is_around &= (stroke.height <= _MAX_INSIDE * heights) & (heights <= _MAX_AROUND * height)
        for k in np.flatnonzero(is_around).tolist():
            other = strokes[k]
            x, y, end_x, end_y = other.box
            beside = labels[row, x:left], labels[row, right:end_x]
            above = labels[y:top, column], labels[bottom:end_y, column]
            if all((part == other.label).any() for part in (*beside, *above)):
                window = labels[top:bottom, left:right]
                window[window == stroke.label] = other.label
                joined = True
                break
    return joined


def usual_height(strokes: list[Stroke]) -> float:
    """Returns the median height of strokes in pixels, weighted by their size, so that dots count little."""
    if not strokes:
        return 0.0
    heights = np.array([stroke.height for stroke in strokes])
    sizes = np.array([stroke.size for stroke in strokes])
    order = np.argsort(heights)
    below = np.cumsum(sizes[order])
    return float(heights[order][np.searchsorted(below, below[-1] / 2)])


def _boxes(labels: NDArray[np.int32], ink: Floats) -> list[Stroke]:
    """Returns the strokes that exceed the stroke threshold in at least one pixel."""
    boxes = _ndimage.find_objects(labels)
    strokes: list[Stroke] = []
    for label in np.unique(labels[(ink > STROKE_THRESHOLD) & (labels > 0)]):
        rows, columns = boxes[label - 1]
        strokes.append(Stroke(int(label), (columns.start, rows.start, columns.stop, rows.stop)))
    return strokes


def _label(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Returns the number of the 8-connected component of each pixel, 0 outside the mask."""
    labels, _ = _ndimage.label(mask, np.ones((3, 3)))
    return labels

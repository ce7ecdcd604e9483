"""From a photograph or a scan of letters in a row to one image per letter, as in EMNIST or MNIST.

The steps: the colour of the paper, ink as the difference from it, connected strokes, their boxes, and groups
of strokes that form a letter. `letter_image` brings the ink of each group onto the canvas of a dataset.
"""

import itertools
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.reading.letter_image import CANVASES, Floats, distance_transform, render

Box = tuple[int, int, int, int]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# A photograph is reduced to this many pixels along its longer side.
_MAX_SIDE = 1000
# Pixels to which the colour of the paper is fitted, at most.
_PAPER_SAMPLES = 10_000
# The least contrast of ink to paper, of 255, and as a multiple of the noise of the paper.
_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE = 20, 4
# Shares of full ink: the threshold of written pixels, and what a stroke must exceed in at least one pixel.
_INK_THRESHOLD, _STROKE_THRESHOLD = 0.4, 0.65
# Shares of the height of the tallest stroke: the size of specks, which are dropped, the height of dots and
# bars, which belong to another stroke, and the width of breaks, across which strokes are joined.
_SPECK, _DOT, _BREAK = 0.06, 0.4, 0.08
# More strokes than this are a pattern and not letters in a row.
_MAX_STROKES = 300
# Strokes above each other are one letter if they share this much of the width of the narrower one.
_MIN_OVERLAP = 0.5


class Letter(NamedTuple):
    """A letter found in a photograph.

    Attributes:
        box: (left, top, right, bottom) in pixels of the photograph, the last two exclusive.
        image: uint8 `[28, 28]`, 0 = paper and 255 = ink, as in EMNIST or MNIST.
    """

    box: Box
    image: NDArray[np.uint8]


def segment(photograph: NDArray[np.uint8], canvas: str = "emnist") -> list[Letter]:
    """Returns the letters in a photograph from left to right, an empty list if nothing is written.

    Most of the photograph is paper, light or dark, perhaps lit unevenly. Ink differs from it in any colour.
    Strokes above each other are one letter.

    Args:
        photograph: uint8 `[h, w, 3]`.
        canvas: key of `CANVASES`, the dataset that the network was trained on.
    """
    step = -(-max(photograph.shape[:2]) // _MAX_SIDE)
    if min(photograph.shape[:2]) < step:
        return []  # too thin to be reduced
    ink = _ink(_downsample(photograph, step))
    labels, strokes = _find_strokes(ink)
    letters: list[Letter] = []
    for group in _group_strokes(strokes):
        left, top = (min(stroke.box[edge] for stroke in group) for edge in (0, 1))
        right, bottom = (max(stroke.box[edge] for stroke in group) for edge in (2, 3))
        window = slice(top, bottom), slice(left, right)
        mask = np.isin(labels[window], [stroke.label for stroke in group])
        # Includes the soft edges of the strokes, but not other letters in the same box.
        mask = _ndimage.binary_dilation(mask, iterations=2)
        image = render(np.where(mask, ink[window], 0), CANVASES[canvas])
        letters.append(Letter((step * left, step * top, step * right, step * bottom), image))
    return sorted(letters, key=lambda letter: letter.box[0] + letter.box[2])


def _downsample(photograph: NDArray[np.uint8], step: int) -> Floats:
    """Returns the means over squares of `step` pixels: float32 `[h // step, w // step, 3]`."""
    height, width = (size // step for size in photograph.shape[:2])
    cropped = photograph[: height * step, : width * step].astype(np.float32)
    return cropped.reshape(height, step, width, step, -1).mean((1, 3))


def _ink(image: Floats) -> Floats:
    """Returns the share of ink in each pixel, from 0 for paper to 1: float32 `[h, w]`."""
    difference: Floats = np.sqrt(np.square(image - _paper_colour(image)).mean(axis=2))
    difference = _ndimage.gaussian_filter(difference, max(image.shape[:2]) / _MAX_SIDE)
    written = difference > _otsu_threshold(difference)
    if not written.any():
        return np.zeros_like(difference)
    noise, full = np.median(difference), np.median(difference[written])
    if full < max(_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE * noise):
        return np.zeros_like(difference)
    return np.clip((difference - noise) / (full - noise), 0, 1)


def _paper_colour(image: Floats) -> Floats:
    """Returns the colour of the paper at each pixel, a quadratic surface: float32 `[h, w, 3]`.

    Fitted by iteratively reweighted least squares (Huber, Robust Statistics, 1981, section 7.8), which gives
    ink little weight.
    """
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape[:2])
    pixels = np.arange(0, len(y) * len(x), -(-len(y) * len(x) // _PAPER_SAMPLES))
    at_y, at_x, colours = y[pixels // len(x)], x[pixels % len(x)], image.reshape(-1, 3)[pixels]
    terms = np.stack([np.ones_like(at_x), at_x, at_x**2, at_y, at_y**2, at_x * at_y], axis=1)
    surface: Floats = np.broadcast_to(np.median(colours, axis=0), colours.shape)
    factors: Floats = np.zeros((terms.shape[1], 3), np.float32)
    for _ in range(12):
        distance = np.linalg.norm(colours - surface, axis=1)
        scale = 2 * np.median(distance) + 2
        weighted = terms / (1 + np.square(distance / scale))[:, None] ** 2
        squares = weighted.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32)
        factors = cast(Floats, np.linalg.solve(squares, weighted.T @ colours))
        surface = terms @ factors
    columns = np.stack([np.ones_like(x), x, x**2], axis=1) @ factors[:3]
    rows = np.stack([y, y**2], axis=1) @ factors[3:5]
    return rows[:, None] + columns + np.outer(y, x)[..., None] * factors[5]


def _otsu_threshold(values: Floats) -> float:
    """Returns the threshold with the largest variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_difference = sums / below - (sums[-1] - sums) / above
        variance = np.nan_to_num(below * above * np.square(mean_difference))
    # The middle of the gap, if empty bins lie between the classes.
    best = np.flatnonzero(variance >= variance.max() * (1 - 1e-9))
    return float((edges[best[0] + 1] + edges[best[-1] + 1]) / 2)


class _Stroke(NamedTuple):
    """A connected stroke: its number in the label image, and its box, (left, top, right, bottom)."""

    label: int
    box: Box

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    def gap(self, other: "_Stroke", axis: int) -> int:
        """Returns the gap between the boxes along x (0) or y (1), negative where they overlap."""
        starts, ends = (self.box[axis], other.box[axis]), (self.box[axis + 2], other.box[axis + 2])
        return max(starts) - min(ends)

    def distance(self, other: "_Stroke") -> float:
        """Returns the distance of the boxes; x counts double, because dots are above their letters."""
        return float(np.hypot(max(self.gap(other, 1), 0), 2 * max(self.gap(other, 0), 0)))

    def overlaps_in_x(self, other: "_Stroke") -> bool:
        return -self.gap(other, 0) >= _MIN_OVERLAP * min(self.width, other.width)


def _find_strokes(ink: Floats) -> tuple[NDArray[np.int32], list[_Stroke]]:
    """Returns a label for every pixel, and the connected strokes without specks."""
    written = ink > _INK_THRESHOLD
    tallest = max((stroke.height for stroke in _strokes(_label(written), ink)), default=0)
    joined = distance_transform(~written) <= _BREAK * tallest / 2
    labels = np.where(written, _label(joined), 0)
    strokes = [s for s in _strokes(labels, ink) if max(s.width, s.height) > _SPECK * tallest]
    return labels, strokes if len(strokes) <= _MAX_STROKES else []


def _strokes(labels: NDArray[np.int32], ink: Floats) -> list[_Stroke]:
    """Returns the boxes of the labels that exceed the stroke threshold in at least one pixel."""
    boxes = _ndimage.find_objects(labels)
    strokes: list[_Stroke] = []
    for label in np.unique(labels[ink > _STROKE_THRESHOLD]):
        rows, columns = boxes[label - 1]
        strokes.append(_Stroke(int(label), (columns.start, rows.start, columns.stop, rows.stop)))
    return strokes


def _label(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Returns the number of the 8-connected component of each pixel, 0 outside the mask."""
    labels, _ = _ndimage.label(mask, np.ones((3, 3)))
    return labels


def _group_strokes(strokes: list[_Stroke]) -> list[list[_Stroke]]:
    """Returns the strokes of each letter: those above each other, and the nearest dots and bars."""
    tallest = max((stroke.height for stroke in strokes), default=0)
    large = [stroke for stroke in strokes if stroke.height >= _DOT * tallest]
    groups: list[list[_Stroke]] = []
    for stroke in large:
        overlapping = [g for g in groups if any(stroke.overlaps_in_x(member) for member in g)]
        groups = [group for group in groups if group not in overlapping]
        groups.append([stroke, *itertools.chain(*overlapping)])
    for stroke in strokes:
        if stroke not in large:
            distances = [min(stroke.distance(member) for member in group) for group in groups]
            if min(distances) < tallest / 2:
                groups[int(np.argmin(distances))].append(stroke)
    return groups

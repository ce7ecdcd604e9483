"""Removes lines that are printed on the paper from its ink: rules, grids, margin lines.

A printed line is thin and long. It spans most of the paper, or is one of several at equal distances. The
strokes of letters that cross it stay.
"""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.reading.paper import Floats, running

Box = tuple[int, int, int, int]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# The largest thickness of a line, as a share of the longer side, but at least so many pixels.
_THICKNESS, _MIN_THICKNESS = 0.009, 4
# A line is at least this many times as long as it is thick. Strokes of letters are shorter.
_THIN = 40
# The slopes at which lines are searched.
_SLOPES = np.tan(np.deg2rad(np.linspace(-5, 5, 41)))
# The least contrast of a line to the paper, of 255, and as a multiple of the noise.
_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE = 8, 3
# A line is visible in at least this share of the columns, one from edge to edge in the second.
_SEEN, _SEEN_OF_SEVERAL = 0.5, 0.35
# A line from edge to edge ends within this share of the width from both edges. A shorter line is at least so
# many times as long as letters are large.
_TO_THE_EDGE, _LONGER_THAN_LETTERS = 0.06, 2.5
# The longest gap in a line, as a share of the size of letters. A longer gap is between two letters.
_MAX_GAP = 0.5
# Equal distances differ by at most this share.
_TOLERANCE = 0.12
# More lines than these are a pattern.
_MOST_LINES = 150


class _Line(NamedTuple):
    """A line from left to right, in pixels.

    Attributes:
        centres: float64 `[w]`, its row in each column of the image.
        start: its first column.
        stop: the column after its last one.
        gap: the longest distance between neighbouring columns in which it is visible.
        thickness: the median over the columns.
        contrast: its median difference from the paper, 0 to 255.
        is_crossed: whether strokes cross it.
    """

    centres: Floats
    start: int
    stop: int
    gap: int
    thickness: float
    contrast: float
    is_crossed: bool


def remove(difference: Floats, noise: float) -> list[Box]:
    """Removes printed lines in place, and returns the boxes of those that are not part of a set.

    Args:
        difference: float32 `[h, w]`, how much each pixel differs from the paper, 0 to 255.
        noise: the median of `difference`.
    """
    boxes: list[Box] = []
    least = max(_MIN_CONTRAST, _MIN_SIGNAL_TO_NOISE * noise)
    for view, across in ((difference, False), (difference.T, True)):
        lines = _lines(view, least)
        if not lines:
            continue
        several = _several(lines)
        for k in several:
            _erase(view, lines[k])
        for line in (line for k, line in enumerate(lines) if k not in several):
            without = view.copy()
            _erase(without, line)
            if _alone(line, _letters(without, line.contrast / 2), view.shape[1]):
                view[:] = without
                boxes.append(_box(line, view.shape, across))
    return boxes


def _box(line: _Line, shape: tuple[int, ...], across: bool) -> Box:
    there = line.centres[line.start : line.stop]
    margin = line.thickness / 2
    top, bottom = int(max(there.min() - margin, 0)), int(min(there.max() + margin + 1, shape[0]))
    return (top, line.start, bottom, line.stop) if across else (line.start, top, line.stop, bottom)


class _Letters(NamedTuple):
    """The size of the larger strokes, 0 if there are none, and the columns between which they are."""

    size: float
    start: int
    stop: int


def _letters(difference: Floats, least: float) -> _Letters:
    labels, _ = _ndimage.label(difference > least, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    boxes = _ndimage.find_objects(labels)
    sizes = np.array([max(y.stop - y.start, x.stop - x.start) for y, x in boxes], np.int64)
    large = np.flatnonzero(sizes > 0.02 * max(difference.shape))
    if not len(large):
        return _Letters(0, 0, 0)
    # The size of the stroke that the third quartile of pixels is in.
    large = large[np.argsort(sizes[large])]
    shares = np.cumsum(areas[large]) / areas[large].sum()
    size = float(sizes[large[np.searchsorted(shares, 0.75)]])
    columns = [boxes[k][1] for k in large]
    return _Letters(size, min(x.start for x in columns), max(x.stop for x in columns))


def _alone(line: _Line, letters: _Letters, width: int) -> bool:
    """Returns whether a line that is not part of a set is printed, not a stroke of a letter."""
    if letters.size == 0:
        return False
    if (
        line.stop - line.start > _LONGER_THAN_LETTERS * letters.size
        and line.gap < _MAX_GAP * letters.size
    ):
        return True
    # In a picture that is cropped to one letter, a stroke can span the picture, but then other strokes reach
    # the edges, too.
    return (
        _spans(line, width)
        and not line.is_crossed
        and letters.start > _TO_THE_EDGE * width / 2
        and letters.stop < (1 - _TO_THE_EDGE / 2) * width
    )


def _several(lines: list[_Line]) -> list[int]:
    """Returns the indices of the lines in a set of lines at equal distances.

    Some lines of the set may be missing. At least three must reach from edge to edge; others may be cut off
    by the edge of an inclined sheet.
    """
    width = len(lines[0].centres)
    places = np.array([line.centres[width // 2] for line in lines])
    full = np.sort(places[[_spans(line, width) for line in lines]])
    if len(full) < 3:
        return []
    spacing = max(float(np.median(np.diff(full))), 1)
    order = np.argsort(places)
    steps = np.diff(places[order]) / spacing
    regular = (np.abs(steps - np.rint(steps)) < _TOLERANCE) & (np.rint(steps) >= 1)
    belongs = np.append(regular, False) | np.insert(regular, 0, False)
    return [int(k) for k in order[belongs]]


def _spans(line: _Line, width: int) -> bool:
    """Returns whether a line reaches from edge to edge."""
    return line.start <= _TO_THE_EDGE * width and line.stop >= (1 - _TO_THE_EDGE) * width


def _lines(difference: Floats, least: float) -> list[_Line]:
    """Returns the long thin lines from the left to the right of an image."""
    height, width = difference.shape
    thickest = max(int(_THICKNESS * max(height, width)), _MIN_THICKNESS)
    if height < 4 * thickest or width < 20:
        return []
    # An opening along the columns removes thin structures, so that they differ from it.
    low = running(np.minimum, difference, thickest + 2, 0)
    low = np.pad(low, ((thickest + 1, thickest + 1), (0, 0)), "edge")
    thin = difference - running(np.maximum, low, thickest + 2, 0) > least
    columns, rows = _centres(thin)
    lines: list[_Line] = []
    if len(columns) < _SEEN_OF_SEVERAL * width:
        return lines
    bin_height = 2 + width // 500
    for centres in _straight(columns, rows, (height, width), bin_height):
        line = _follow(centres, columns, rows, difference, thickest)
        if line is not None and not any(
            np.abs(line.centres - other.centres).min() < thickest / 2 for other in lines
        ):
            lines.append(line)
    return lines


def _centres(thin: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats]:
    """Returns the column and the middle row of each vertical run of a mask."""
    padded = np.zeros((thin.shape[1], thin.shape[0] + 2), np.int8)
    padded[:, 1:-1] = thin.T
    change = np.diff(padded, axis=1)
    columns, starts = np.nonzero(change > 0)
    _, stops = np.nonzero(change < 0)
    return columns, (starts + stops - 1) / 2


def _straight(
    columns: NDArray[np.intp], rows: Floats, shape: tuple[int, int], bin_height: int
) -> list[Floats]:
    """Returns straight lines through many points, best first: the row of each in every column.

    The points vote for lines, as in a Hough transform (Duda and Hart 1972).
    """
    height, width = shape
    x = columns - (width - 1) / 2
    room = int(width * _SLOPES[-1] / 2) + bin_height
    bins = (height + 2 * room) // bin_height + 2
    places = ((rows - _SLOPES[:, None] * x + room) / bin_height).astype(np.intp).clip(0, bins - 1)
    places += bins * np.arange(len(_SLOPES))[:, None]
    counts = np.bincount(places.ravel(), minlength=len(_SLOPES) * bins).reshape(-1, bins)
    votes = counts + np.roll(counts, -1, axis=1)  # a line may lie between two bins
    found: list[Floats] = []
    while len(found) < _MOST_LINES:
        k, place = np.unravel_index(np.argmax(votes), votes.shape)
        if votes[k, place] < _SEEN_OF_SEVERAL * width:
            break
        at = (place + 1) * bin_height - room
        found.append(at + _SLOPES[k] * (np.arange(width) - (width - 1) / 2))
        votes[:, max(place - 3, 0) : place + 4] = 0
    return found


def _follow(
    centres: Floats, columns: NDArray[np.intp], rows: Floats, difference: Floats, thickest: int
) -> _Line | None:
    """Returns the slightly bent line through the points near a straight one.

    Returns None unless enough points are near, and the line is thin and long.
    """
    height, width = difference.shape
    powers = np.vander(np.linspace(-1, 1, width), 3)
    near = np.zeros(0, np.intp)
    for reach in (2 * thickest, thickest, thickest / 2 + 1):
        near = np.flatnonzero(np.abs(rows - centres[columns]) <= reach)
        if len(near) < 10:
            return None
        # Points in two columns leave a parabola undetermined, so no inverse.
        factors, *_ = np.linalg.lstsq(powers[columns[near]], rows[near])
        centres = powers @ factors
    seen_columns = np.unique(columns[near])
    seen = len(seen_columns) / width
    start, stop = np.quantile(seen_columns, (0.01, 0.99)).astype(int)
    if seen < _SEEN_OF_SEVERAL or len(seen_columns) < 0.6 * (stop - start):
        return None
    if seen < _SEEN and not (start <= _TO_THE_EDGE * width and stop >= (1 - _TO_THE_EDGE) * width):
        return None
    at = np.rint(rows[near]).astype(np.intp).clip(0, height - 1)
    contrast = float(np.median(difference[at, columns[near]]))
    runs = _run(difference, centres, contrast / 2, 2 * thickest).sum(0)[seen_columns]
    thickness = float(np.median(runs))
    if thickness > thickest or stop - start < _THIN * thickness:
        return None
    is_crossed = bool((runs > 2 * thickness + 2).mean() > 0.02)
    gap = int(np.diff(seen_columns).max())
    return _Line(centres, int(start), int(stop) + 1, gap, thickness, contrast, is_crossed)


def _run(difference: Floats, centres: Floats, least: float, reach: int) -> NDArray[np.intp]:
    """Returns how many pixels of ink adjoin a line above its centre, and from its centre down: `[2, w]`."""
    height, width = difference.shape
    x = np.arange(width, dtype=np.intp)
    middle = np.rint(centres).astype(np.intp)
    ends: list[NDArray[np.intp]] = []
    for steps in (-np.arange(1, reach + 1), np.arange(0, reach + 1)):
        y = middle + steps[:, None]
        inside = (y >= 0) & (y < height)
        ink = inside & (difference[y.clip(0, height - 1), x] > least)
        ends.append(np.logical_and.accumulate(ink, axis=0).sum(axis=0))
    return np.stack(ends)


def _erase(difference: Floats, line: _Line) -> None:
    """Replaces a line by the pixels above and below it, except where a stroke crosses it."""
    height, width = difference.shape
    thick = int(np.ceil(line.thickness))
    reach = 3 * thick + 4
    up, down = _run(difference, line.centres, line.contrast / 2, reach)
    alone = up + down <= line.thickness + max(2, line.thickness / 2)
    middle = np.rint(line.centres).astype(np.intp)
    x = np.arange(width, dtype=np.intp)
    darkest = difference[middle.clip(0, height - 1), x]
    alone &= darkest < 1.7 * line.contrast
    # A stroke that crosses is wider than a column or two of noise.
    alone = _ndimage.binary_closing(np.pad(alone, 2, constant_values=True), np.ones(3))[2:-2]
    inner = thick // 2 + 2
    above = difference[(middle - inner - 1).clip(0, height - 1), x]
    below = difference[(middle + inner + 1).clip(0, height - 1), x]
    fill = np.minimum(above, below)
    for step in range(-inner, inner + 1):
        y = middle + step
        chosen = alone & (y >= 0) & (y < height)
        difference[y[chosen], x[chosen]] = np.minimum(
            fill[chosen], difference[y[chosen], x[chosen]]
        )

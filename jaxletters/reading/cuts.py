"""Candidate cuts of strokes in which several letters may be joined."""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.reading.letter_image import Floats
from jaxletters.reading.lines import Line
from jaxletters.reading.strokes import Box

# Shares of the height of a line: the width of a stroke that is cut, the least distance of two cuts and of a
# cut from the end of its stroke, and the most ink that a cut crosses.
_MIN_WIDTH, _MIN_DISTANCE, _MAX_INK = 0.7, 0.12, 0.4
# The most cuts of a stroke, for each height of a line in its width.
_MAX_CUTS = 6.0
# What a cut may move sideways, in pixels per row, and its cost: a share of a pixel of ink.
SIDEWAYS = 0.15

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations


class Piece(NamedTuple):
    """A part of a line between candidate cuts.

    Attributes:
        number: of the piece in the image of pieces.
        box: of the piece in pixels.
        blob: the number of its blob in the line.
        cut: the ink that the cut to its left crosses, as a share of the height of the line; 0 for the first
            piece of a blob.
    """

    number: int
    box: Box
    blob: int
    cut: float


class Seams(NamedTuple):
    """Cuts from top to bottom, from left to right.

    Attributes:
        columns: the column of each cut in each row: int `[cuts, h]`; what is right of it begins there.
        ink: the ink that each cut crosses, in pixels: float `[cuts]`.
    """

    columns: NDArray[np.int64]
    ink: Floats


def cut_line(
    ink: Floats,
    labels: NDArray[np.int32],
    line: Line,
    pieces: NDArray[np.int32],
    only_whole: bool = False,
) -> list[Piece]:
    """Cuts the blobs of a line into pieces, and returns them from left to right.

    Args:
        ink: the share of ink in each pixel: float32 `[h, w]`.
        labels: the number of the stroke of each pixel: int32 `[h, w]`.
        line: whose strokes are numbered in `labels`.
        pieces: the number of the piece of each pixel, int32 `[h, w]`; receives those of this line.
        only_whole: whether each blob is one piece.
    """
    found: list[Piece] = []
    number = int(pieces.max(initial=0))
    for index, blob in enumerate(line.blobs):
        left, top, right, bottom = blob.box
        window = slice(top, bottom), slice(left, right)
        mask = np.isin(labels[window], blob.labels)
        if only_whole:
            seams = _no_seams(mask.shape[0])
        else:
            seams = find_seams(np.where(mask, ink[window], 0), line.height)
        part = _parts(seams.columns, mask.shape[1])
        crossed = [0.0, *(seams.ink / line.height).tolist()]
        for i in range(len(crossed)):
            rows, across = np.nonzero(mask & (part == i))
            if not len(rows):
                continue
            number += 1
            pieces[window][rows, across] = number
            box = (
                left + int(across.min()), top + int(rows.min()),
                left + int(across.max()) + 1, top + int(rows.max()) + 1,
            )  # fmt: skip
            found.append(Piece(number, box, index, crossed[i]))
    return found


def _parts(seams: NDArray[np.int64], width: int) -> NDArray[np.intp]:
    """Returns how many seams are to the left of each pixel: int `[h, width]`."""
    columns = np.arange(width)
    parts = np.zeros((seams.shape[1], width), np.intp)
    for seam in seams:
        parts += columns >= seam[:, None]
    return parts


def find_seams(ink: Floats, height: float) -> Seams:
    """Returns candidate cuts of a stroke: paths from top to bottom that cross little ink.

    For each column of the middle row, dynamic programming finds the path with the least ink through it
    (Avidan & Shamir, Seam Carving for Content-Aware Image Resizing, 2007). The local minima over columns
    are the candidates.

    Args:
        ink: of the stroke alone: float32 `[h, w]`.
        height: the usual height of a character of its line, in pixels.
    """
    rows, columns = ink.shape
    distance = max(round(_MIN_DISTANCE * height), 2)
    if columns < _MIN_WIDTH * height or columns < 2 * distance + 1:
        return _no_seams(rows)
    middle = rows // 2
    above, from_above = _cheapest(ink[: middle + 1])
    below, from_below = _cheapest(ink[middle:][::-1])
    cost = above + below - ink[middle]
    lowest = cost == _ndimage.minimum_filter1d(cost, 3)
    minima = _middles(lowest & (cost <= _MAX_INK * height))
    limit = max(round(_MAX_CUTS * columns / height), 1)
    chosen: list[int] = []
    for column in minima[np.argsort(cost[minima], kind="stable")].tolist():
        near = min([column, columns - column, *(abs(column - other) for other in chosen)])
        if near >= distance and len(chosen) < limit:
            chosen.append(column)
    chosen.sort()
    if not chosen:
        return _no_seams(rows)
    paths = np.array(
        [np.concatenate([_path(from_above, c), _path(from_below, c)[::-1][1:]]) for c in chosen]
    )
    crossed = np.array([ink[np.arange(rows), path].sum() for path in paths], np.float32)
    return Seams(paths, crossed)


def _middles(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Returns the middle of each run of true values: int `[runs]`."""
    ends = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return (ends[::2] + ends[1::2] - 1) // 2


def _no_seams(rows: int) -> Seams:
    return Seams(np.empty((0, rows), np.int64), np.empty(0, np.float32))


def _cheapest(ink: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Returns the cost of the cheapest path to each column of the last row, and the steps of the paths.

    Returns:
        float `[w]`, and int8 `[h, w]`: where the path through a pixel was in the row before, relative to it.
    """
    rows, columns = ink.shape
    steps = np.zeros((rows, columns), np.int8)
    padded = np.full(columns + 2, np.inf)
    cost = padded[1:-1]
    cost[:] = ink[0]
    for row in range(1, rows):
        left, right = padded[:-2] + SIDEWAYS, padded[2:] + SIDEWAYS
        beside = np.minimum(left, right)
        moves = beside < cost
        steps[row, moves] = np.where(left <= right, -1, 1)[moves]
        cost[:] = np.minimum(cost, beside) + ink[row]
    return cost.copy(), steps


def _path(steps: NDArray[np.int8], column: int) -> NDArray[np.int64]:
    """Returns the column in each row of the cheapest path that ends in a column of the last row."""
    path = np.empty(len(steps), np.int64)
    for row in range(len(steps) - 1, -1, -1):
        path[row] = column
        column += int(steps[row, column])
    return path

"""The lines of writing on a page, and the letters that dots belong to."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxletters.reading.strokes import Box, Stroke, gap, union, usual_height

# Shares of the usual height of a character. Strokes of the first size are no dots, nor are those of the
# second height beside a letter. Strokes of the third height define lines; those of the last size are specks.
_MIN_SIZE, _MIN_BESIDE, _MIN_ANCHOR, _SPECK = 0.4, 0.25, 0.55, 0.06
# The share of the lower height by which a stroke must overlap a line.
_MIN_OVERLAP = 0.45
# The band of a line at a place follows this many strokes beside it.
_NEIGHBOURS = 3
# How far a dot may be from its stroke: to its side and above it, in usual heights.
_DOT_BESIDE, _DOT_ABOVE = 0.35, 0.8
# A bar above or below a letter is this low at most, and this near, or overlaps it by half of that, in usual
# heights.
_MAX_BAR, _BAR_GAP = 0.35, 0.3
# A slope is measured on lines that are longer than this many heights.
_MIN_LENGTH = 5.0


class Blob(NamedTuple):
    """A stroke with its dots, accents and broken-off pieces.

    Attributes:
        labels: the numbers of the strokes in the label image.
        box: of all of them.
    """

    labels: tuple[int, ...]
    box: Box


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of writing.

    Attributes:
        blobs: from left to right.
        height: the usual height of its characters in pixels.
    """

    blobs: tuple[Blob, ...]
    height: float

    @property
    def box(self) -> Box:
        """The box of all blobs."""
        return union([blob.box for blob in self.blobs])


class Layout(NamedTuple):
    """The lines of a page from top to bottom, and the strokes that belong to none of them."""

    lines: list[Line]
    loose: list[Stroke]


def find_lines(strokes: Sequence[Stroke]) -> Layout:
    """Returns the lines that strokes form; lines may rise, fall and bend a little."""
    height = usual_height(list(strokes))
    strokes = [stroke for stroke in strokes if stroke.size > _SPECK * height]
    anchors = [stroke for stroke in strokes if stroke.height >= _MIN_ANCHOR * height]
    rows = _merge(_chains(sorted(anchors, key=lambda stroke: stroke.box[0])))
    alone: list[Stroke] = []
    dots: list[Stroke] = []
    for stroke in strokes:
        if _is_dot(stroke, anchors, height):
            dots.append(stroke)
        elif stroke.height < _MIN_ANCHOR * height:
            near = [row for row in rows if _overlap_with(row, stroke.box) >= 0.5]
            if near:
                min(near, key=lambda row: _distance(row, stroke)).append(stroke)
            else:
                alone.append(stroke)
    # A line of small letters among larger ones.
    rows += _merge(_chains(sorted(alone, key=lambda stroke: stroke.box[0])))
    lines, loose = _attach(rows, dots, height)
    return Layout(sorted(lines, key=_vertical_place), loose)


def _is_dot(stroke: Stroke, anchors: Sequence[Stroke], height: float) -> bool:
    """Returns whether a stroke is a dot, an accent or a bar, and not a small letter beside a larger one."""
    if stroke.size >= _MIN_SIZE * height:
        return stroke.height < _MAX_BAR * height and any(
            _is_bar_of(stroke, anchor, height) for anchor in anchors
        )
    if stroke.height < _MIN_BESIDE * height or not anchors:
        return True
    nearest = min(anchors, key=lambda anchor: gap(stroke.box, anchor.box, 0))
    above = stroke.box[3] < (nearest.box[1] + nearest.box[3]) / 2
    return above or gap(stroke.box, nearest.box, 0) < 0


def _is_bar_of(bar: Stroke, letter: Stroke, height: float) -> bool:
    """Returns whether a flat stroke is just above or below a letter, and hardly beside it."""
    overlap = -gap(bar.box, letter.box, 0)
    apart = gap(bar.box, letter.box, 1)
    return (
        -_BAR_GAP * height / 2 <= apart <= _BAR_GAP * height
        and overlap >= 0.5 * min(bar.width, letter.width)
        and bar.width <= 2 * max(letter.width, height / 2)
    )


def slope(lines: Sequence[Line]) -> float:
    """Returns the median slope of long lines, rows per column; 0 where no line is long enough."""
    slopes: list[float] = []
    for line in lines:
        left, _, right, _ = line.box
        if right - left < _MIN_LENGTH * line.height or len(line.blobs) < 4:
            continue
        x = np.array([(blob.box[0] + blob.box[2]) / 2 for blob in line.blobs])
        y = np.array([(blob.box[1] + blob.box[3]) / 2 for blob in line.blobs])
        first, second = np.triu_indices(len(x), 1)
        far = x[second] - x[first] > line.height
        if far.any():
            # The median of the slopes between all pairs: a descender moves it little (Sen, Estimates of the
            # regression coefficient based on Kendall's tau, 1968).
            slopes.append(
                float(np.median((y[second] - y[first])[far] / (x[second] - x[first])[far]))
            )
    return float(np.median(slopes)) if slopes else 0.0


def _chains(anchors: list[Stroke]) -> list[list[Stroke]]:
    """Returns rows of strokes, each of which continues the row that it overlaps most."""
    rows: list[list[Stroke]] = []
    for stroke in anchors:
        overlaps = [_overlap_with(row, stroke.box) for row in rows]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if overlaps and overlaps[best] >= _MIN_OVERLAP:
            rows[best].append(stroke)
        else:
            rows.append([stroke])
    return rows


def _merge(rows: list[list[Stroke]]) -> list[list[Stroke]]:
    """Returns rows without those that are parts of another: at the same height, and beside it."""
    merged: list[list[Stroke]] = []
    for row in sorted(rows, key=len, reverse=True):
        for other in merged:
            overlaps = [_overlap_with(other, stroke.box) for stroke in row]
            covered = any(
                gap(a.box, b.box, 0) < 0 and gap(a.box, b.box, 1) > 0 for a in row for b in other
            )
            if np.median(overlaps) >= _MIN_OVERLAP and not covered:
                other.extend(row)
                break
        else:
            merged.append(list(row))
    return merged


def _overlap_with(row: list[Stroke], box: Box) -> float:
    """Returns the vertical overlap of a box with a row beside it, as a share of the lower of them.

    The row is as high there as its nearest stroke, or as the median of a few: those follow a line that rises,
    the others one letter with a long stroke.
    """
    nearest = sorted(row, key=lambda stroke: max(gap(stroke.box, box, 0), 0))[:_NEIGHBOURS]
    top, bottom = np.median([stroke.box[1::2] for stroke in nearest], axis=0)
    bands = (nearest[0].box[1], nearest[0].box[3]), (float(top), float(bottom))
    return max(_overlap(box, band) for band in bands)


def _overlap(box: Box, band: tuple[float, float]) -> float:
    overlap = min(box[3], band[1]) - max(box[1], band[0])
    return overlap / max(min(box[3] - box[1], band[1] - band[0]), 1)


def _distance(row: list[Stroke], stroke: Stroke) -> int:
    return min(
        max(gap(member.box, stroke.box, 0), gap(member.box, stroke.box, 1)) for member in row
    )


def _attach(
    rows: list[list[Stroke]], dots: list[Stroke], height: float
) -> tuple[list[Line], list[Stroke]]:
    """Returns the lines of rows, each dot with the stroke that it is above or in, and the other dots."""
    bases = [(index, stroke) for index, row in enumerate(rows) for stroke in row]
    members: dict[int, list[Stroke]] = {stroke.label: [stroke] for _, stroke in bases}
    loose: list[Stroke] = []
    for dot in dots:
        distances = [_dot_distance(dot, stroke, height) for _, stroke in bases]
        if distances and min(distances) < 1:
            members[bases[int(np.argmin(distances))][1].label].append(dot)
        else:
            loose.append(dot)
    lines: list[Line] = []
    for row in rows:
        blobs = [
            Blob(
                tuple(member.label for member in members[stroke.label]),
                union([member.box for member in members[stroke.label]]),
            )
            for stroke in row
        ]
        blobs.sort(key=lambda blob: blob.box[0] + blob.box[2])
        lines.append(Line(tuple(blobs), usual_height(row)))
    return lines, loose


def _dot_distance(dot: Stroke, base: Stroke, height: float) -> float:
    """Returns how far a dot is from a stroke, less than 1 if it can belong to it.

    A dot is above its stroke or touches its box; one beside the foot of a stroke is a full stop.
    """
    beside = max(gap(dot.box, base.box, 0), 0) / (_DOT_BESIDE * height)
    above = (base.box[1] - dot.box[3]) / (_DOT_ABOVE * height)
    middle = (base.box[1] + base.box[3]) / 2
    if above < 0 and (beside > 0.3 or dot.box[1] > base.box[3]) and dot.box[3] > middle:
        return np.inf
    return float(np.hypot(beside, max(above, 0)))


def _vertical_place(line: Line) -> float:
    return float(np.median([blob.box[1] + blob.box[3] for blob in line.blobs]))

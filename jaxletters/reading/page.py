"""From the ink of a page to its characters, in words and lines."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.data import resize
from jaxletters.reading import cuts, lattice, letter_image, lines, strokes, words
from jaxletters.reading.classifier import Classifier, Predictions
from jaxletters.reading.cuts import Piece
from jaxletters.reading.lattice import Candidate
from jaxletters.reading.letter_image import CANVASES, Canvas, Floats
from jaxletters.reading.lines import Line
from jaxletters.reading.strokes import Box, Stroke

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# More strokes than this are a pattern and not writing.
_MAX_STROKES = 2000
# The quantile of the heights of characters that gaps are compared with.
_TALL = 0.8
# A page whose lines rise or fall by more than this is turned, in rows per column.
_MAX_SLOPE = 0.07


class Seen(NamedTuple):
    """A character of a page, as the network sees it.

    Attributes:
        box: in pixels of the ink.
        image: uint8 `[28, 28]`, 0 = paper and 255 = ink.
        row: its row in the predictions of the page.
        on_path: the probability that its cuts are right.
        is_cut: whether it was cut from a stroke.
    """

    box: Box
    image: NDArray[np.uint8]
    row: int
    on_path: float
    is_cut: bool


class Page(NamedTuple):
    """The characters of a page.

    Attributes:
        lines: from top to bottom, of words from left to right, of characters.
        predictions: of a network for all candidates; a row for each `Seen`.
        loose: boxes of ink that belongs to no line, in pixels of the ink.
        transform: from (x, y, 1) in pixels of the ink that was read to pixels of the ink that was given:
            float64 `[3, 3]`.
    """

    lines: list[list[list[Seen]]]
    predictions: Predictions
    loose: list[Box]
    transform: NDArray[np.float64]

    @property
    def characters(self) -> list[Seen]:
        """All characters, in the order of reading."""
        return [seen for line in self.lines for word in line for seen in word]


class _LineCandidates(NamedTuple):
    line: Line
    pieces: list[Piece]
    found: list[Candidate]


def read(classifier: Classifier, ink: Floats) -> Page | None:
    """Returns the characters that a network reads in the ink of a page, None if nothing is written.

    Args:
        classifier: of handwriting.
        ink: the share of ink in each pixel, from 0 to 1: float32 `[h, w]`.
    """
    transform = np.eye(3)
    labels, found = strokes.find_strokes(ink)
    if not found or len(found) > _MAX_STROKES:
        return None
    layout = lines.find_lines(found)
    slope = lines.slope(layout.lines)
    if abs(slope) > _MAX_SLOPE:
        ink, transform = _turn(ink, float(np.arctan(slope)))
        labels, found = strokes.find_strokes(ink)
        layout = lines.find_lines(found)
    if not layout.lines:
        return None
    return _read_lines(classifier, ink, labels, layout.lines, layout.loose, transform)


def _read_lines(
    classifier: Classifier,
    ink: Floats,
    labels: NDArray[np.int32],
    found: Sequence[Line],
    loose: Sequence[Stroke],
    transform: NDArray[np.float64],
) -> Page:
    canvas = CANVASES[classifier.fit]
    pieces = np.zeros(labels.shape, np.int32)
    parts: list[_LineCandidates] = []
    for line in found:
        # A network that does not know what is not a letter takes half a letter for another one.
        only_whole = classifier.non_letter is None
        cut = cuts.cut_line(ink, labels, line, pieces, only_whole)
        parts.append(_LineCandidates(line, cut, lattice.candidates(cut, line.height)))
    images = [
        resize.fit(
            _image(ink, pieces, part.pieces[first:stop], canvas),
            classifier.image_shape,
            1,
            "stretch",
        )
        for part in parts
        for first, stop in part.found
    ]
    predictions = classifier.predict(np.stack(images))
    # The root lowers the weight of the class: an ambiguous letter is still one letter.
    letters = np.sqrt(predictions.probabilities.max(1)) * predictions.is_letter
    start = 0
    rows: list[list[Seen]] = []
    for part in parts:
        stop = start + len(part.found)
        rows.append(_best(part, letters[start:stop], images[start:stop], start))
        start = stop
    gaps = [_gaps(row) for row in rows]
    space = words.threshold([gap for of_line in gaps for gap in of_line])
    split = [_split(row, of_line, space) for row, of_line in zip(rows, gaps, strict=True)]
    return Page(split, predictions, [stroke.box for stroke in loose], transform)


def _best(
    part: _LineCandidates,
    letters: Floats,
    images: Sequence[NDArray[np.uint8]],
    start: int,
) -> list[Seen]:
    """Returns the characters on the best path through a line, whose first prediction is in row `start`."""
    characters: list[Seen] = []
    for choice in lattice.best_path(part.pieces, part.found, letters, part.line.height):
        first, stop = part.found[choice.candidate]
        run = part.pieces[first:stop]
        is_cut = run[0].cut > 0 or (stop < len(part.pieces) and part.pieces[stop].cut > 0)
        box = strokes.union([piece.box for piece in run])
        characters.append(
            Seen(
                box, images[choice.candidate], start + choice.candidate, choice.probability, is_cut
            )
        )
    return characters


def _image(
    ink: Floats, pieces: NDArray[np.int32], run: Sequence[Piece], canvas: Canvas
) -> NDArray[np.uint8]:
    """Returns the image of a run of pieces for the network: uint8 `[28, 28]`."""
    left, top, right, bottom = strokes.union([piece.box for piece in run])
    window = slice(top, bottom), slice(left, right)
    mask = np.isin(pieces[window], [piece.number for piece in run])
    # Includes the soft edges of the strokes, but not other characters in the same box.
    soft: NDArray[np.bool_] = _ndimage.binary_dilation(mask, iterations=2)
    soft &= mask | (pieces[window] == 0)
    return letter_image.render(np.where(soft, ink[window], 0), canvas)


def _gaps(characters: Sequence[Seen]) -> list[float]:
    """Returns the gaps between the characters of a line, in heights of its tall ones, at least 0."""
    height = float(np.quantile([seen.box[3] - seen.box[1] for seen in characters], _TALL))
    return [
        max(strokes.gap(a.box, b.box, 0), 0) / height for a, b in itertools.pairwise(characters)
    ]


def _split(characters: Sequence[Seen], gaps: Sequence[float], space: float) -> list[list[Seen]]:
    """Returns the words of a line, which gaps of at least `space` separate."""
    found = [[characters[0]]]
    for gap, character in zip(gaps, characters[1:], strict=True):
        if gap >= space:
            found.append([])
        found[-1].append(character)
    return found


def _turn(ink: Floats, angle: float) -> tuple[Floats, NDArray[np.float64]]:
    """Returns the ink turned so that lines which fall by an angle, in radians, become level.

    Returns:
        float32 `[h', w']`, large enough for all ink, and the transformation of its pixels to those of `ink`.
    """
    height, width = ink.shape
    cos, sin = np.cos(angle), np.sin(angle)
    new_height = int(np.ceil(abs(sin) * width + abs(cos) * height))
    new_width = int(np.ceil(abs(cos) * width + abs(sin) * height))
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    new_centre = np.array([(new_width - 1) / 2, (new_height - 1) / 2])
    turn = np.array([[cos, -sin], [sin, cos]])
    offset = centre - turn @ new_centre
    # Of (row, column), where the transformation is of (x, y).
    turned: Floats = _ndimage.affine_transform(
        ink, turn[::-1, ::-1], offset[::-1], (new_height, new_width), order=1
    )
    transform = np.eye(3)
    transform[:2, :2], transform[:2, 2] = turn, offset
    return turned, transform

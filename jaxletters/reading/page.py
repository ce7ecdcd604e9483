"""From the ink of a page to its characters, in words and lines."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.data import resize
from jaxletters.reading import cuts, lattice, letter_image, lines, strokes, word_lattice, words
from jaxletters.reading.classifier import Classifier, Predictions
from jaxletters.reading.cuts import Piece
from jaxletters.reading.lattice import Candidate, Choice
from jaxletters.reading.letter_image import CANVASES, Canvas, Floats, Part
from jaxletters.reading.lines import Line
from jaxletters.reading.strokes import Box

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# The quantile of the heights of characters that gaps are compared with.
_TALL = 0.8
# The only stroke of a page, if it is at most so many heights wide, is more often a drawing than joined
# letters: what is added to its score as no letter. It stays whole if it is one letter with this probability.
_LONE_WIDTH, _LONE_NOTHING, _LONE_LETTER = 1.2, 1.0, 0.8
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
    """A line, its pieces and candidates, and their scores without the network: as a character, as nothing."""

    line: Line
    pieces: list[Piece]
    found: list[Candidate]
    shapes: NDArray[np.float64]
    nothing: NDArray[np.float64]


def read(classifier: Classifier, ink: Floats) -> Page | None:
    """Returns the characters that a network reads in the ink of a page, None if nothing is written.

    Args:
        classifier: of handwriting.
        ink: the share of ink in each pixel, from 0 to 1: float32 `[h, w]`.
    """
    transform = np.eye(3)
    labels, found = strokes.find_strokes(ink)
    if not found or len(found) > strokes.MAX_STROKES:
        return None
    layout = lines.find_lines(found)
    slope = lines.slope(layout.lines)
    if abs(slope) > _MAX_SLOPE:
        ink, transform = _turn(ink, float(np.arctan(slope)))
        labels, found = strokes.find_strokes(ink)
        layout = lines.find_lines(found)
    if not layout.lines:
        return None
    loose = [stroke.box for stroke in layout.loose]
    written = _Written(ink, labels, layout.lines, loose, transform)
    # A network that does not know what is not a letter takes half a letter for another one.
    if classifier.non_letter is None:
        return _read_lines(classifier, written, only_whole=True)
    if not _is_lone(layout.lines):
        return _read_lines(classifier, written)
    whole = _read_lines(classifier, written, only_whole=True)
    probability = whole.predictions.probabilities.max() * whole.predictions.is_letter[0]
    return whole if probability >= _LONE_LETTER else _read_lines(classifier, written)


class _Written(NamedTuple):
    """The ink of a page, the stroke of each pixel, its lines, and the rest of `Page`."""

    ink: Floats
    labels: NDArray[np.int32]
    lines: Sequence[Line]
    loose: list[Box]
    transform: NDArray[np.float64]


def _is_lone(found: Sequence[Line]) -> bool:
    """Returns whether the lines of a page are a single stroke that is not wide."""
    if len(found) > 1 or len(found[0].blobs) > 1:
        return False
    left, top, right, bottom = found[0].box
    return right - left <= _LONE_WIDTH * (bottom - top)


def _read_lines(classifier: Classifier, written: _Written, *, only_whole: bool = False) -> Page:
    """Returns the characters of lines, of whose strokes some are cut, unless they are to stay whole."""
    canvas = CANVASES[classifier.fit]
    pieces = np.zeros(written.labels.shape, np.int32)
    lone = _is_lone(written.lines)
    parts: list[_LineCandidates] = []
    for line in written.lines:
        cut = cuts.cut_line(written.ink, written.labels, line, pieces, only_whole)
        candidates = lattice.candidates(cut, line.height)
        shapes = lattice.shape_scores(cut, candidates, line.height)
        nothing = lattice.nothing_scores(cut, candidates, line.height) + _LONE_NOTHING * lone
        parts.append(_LineCandidates(line, cut, candidates, shapes, nothing))
    images = [image for part in parts for image in _images(written.ink, pieces, part, canvas)]
    if classifier.image_shape != images[0].shape:
        images = [resize.fit(image, classifier.image_shape, 1, "stretch") for image in images]
    predictions = classifier.predict(np.stack(images))
    return _chosen(parts, images, predictions, written.loose, written.transform)


def _chosen(
    parts: Sequence[_LineCandidates],
    images: Sequence[NDArray[np.uint8]],
    predictions: Predictions,
    loose: list[Box],
    transform: NDArray[np.float64],
) -> Page:
    """Returns a page of the best characters of its lines; images and predictions are of all candidates."""
    # The root lowers the weight of the class: an ambiguous letter is still one letter.
    letters = np.sqrt(predictions.probabilities.max(1)) * predictions.is_letter
    start = 0
    rows: list[list[Seen]] = []
    for part in parts:
        stop = start + len(part.found)
        scores = lattice.scores(letters[start:stop], part.shapes, part.nothing)
        path = lattice.best_path(part.found, scores)
        rows.append([_seen(part, choice, images, start) for choice in path])
        start = stop
    gaps = [_gaps(row) for row in rows]
    space = words.threshold([gap for of_line in gaps for gap in of_line])
    split = [_split(row, of_line, space) for row, of_line in zip(rows, gaps, strict=True)]
    start = 0
    for part, line in zip(parts, split, strict=True):
        line[:] = [_in_context(part, word, predictions, images, start) for word in line]
        start += len(part.found)
    return Page(split, predictions, loose, transform)


def _seen(
    part: _LineCandidates, choice: Choice, images: Sequence[NDArray[np.uint8]], start: int
) -> Seen:
    """Returns a character of a line, whose first candidate is in row `start` of the predictions."""
    first, stop = part.found[choice.candidate]
    run = part.pieces[first:stop]
    is_cut = run[0].cut > 0 or (stop < len(part.pieces) and part.pieces[stop].cut > 0)
    box = strokes.union([piece.box for piece in run])
    row = start + choice.candidate
    return Seen(box, images[row], row, choice.probability, is_cut)


def _in_context(
    part: _LineCandidates,
    word: list[Seen],
    predictions: Predictions,
    images: Sequence[NDArray[np.uint8]],
    start: int,
) -> list[Seen]:
    """Returns the characters of a word, cut with regard to which letters follow which."""
    begin = part.found[word[0].row - start].first
    end = part.found[word[-1].row - start].stop
    inside = [k for k, (first, stop) in enumerate(part.found) if begin <= first and stop <= end]
    if len(inside) == 1:
        return word
    found = [part.found[k] for k in inside]
    rows = start + np.array(inside)
    is_letter = np.maximum(predictions.is_letter[rows], lattice.MIN_PROBABILITY)
    letters = word_lattice.letters(
        predictions.class_names,
        predictions.probabilities[rows],
        part.shapes[inside] + np.log(is_letter),
        part.nothing[inside],
    )
    path = word_lattice.best_path(found, letters)
    choices = [choice._replace(candidate=inside[choice.candidate]) for choice in path]
    return [_seen(part, choice, images, start) for choice in choices]


def _images(
    ink: Floats, pieces: NDArray[np.int32], part: _LineCandidates, canvas: Canvas
) -> NDArray[np.uint8]:
    """Returns the images of the candidates of a line for the network: uint8 `[candidates, 28, 28]`."""
    outlines = letter_image.outlines(ink, pieces, part.line.box, part.line.height)
    runs = [part.pieces[first:stop] for first, stop in part.found]
    letters = [
        Part([piece.number for piece in run], strokes.union([piece.box for piece in run]))
        for run in runs
    ]
    return letter_image.render(outlines, letters, canvas)


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

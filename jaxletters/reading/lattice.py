"""The best way to put the pieces of a line together to characters, judged by a network.

The candidates are runs of neighbouring pieces. A path through them covers every piece once. Its score is the
sum of the scores of its characters and of what lies between and within them; the best path is found by
dynamic programming, and the probability of each of its characters by the forward and backward sums over all
paths (Rabiner, A tutorial on hidden Markov models, 1989, section III).
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters.reading.cuts import Piece
from jaxletters.reading.strokes import Box, gap, union

# A candidate has at most this many pieces, and is at most this many heights wide.
_MAX_PIECES, _MAX_WIDTH = 6, 2.0
# Pieces of two blobs are put together only if the gap between them is at most this share of the height.
_MAX_GAP = 0.2
# Scores, as logarithms of probabilities: two blobs in one character, the gap between them in heights, a
# character, a cut between two characters, and the ink that it crosses in heights.
_JOIN, _JOIN_GAP, _LETTER, _CUT, _CUT_INK = -0.3, -15.0, -1.1, -0.3, -1.0
# For each height by which a character is wider or narrower than these shares of the height.
_WIDE, _WIDE_FROM, _NARROW, _NARROW_TO = -3.0, 1.0, -3.0, 0.25
# A neighbouring piece of which at least this share of the box is inside of a character's box, and its score.
_INSIDE, _NESTED = 0.8, -4.0
# A stroke that is no letter and no letters that touch, such as a drawing: its score, and that for each height
# of its width.
_NOTHING, _NOTHING_WIDTH = -0.5, -2.6
# The scores are multiplied by this before the probabilities of paths are compared.
SHARPNESS = 4.0
MIN_PROBABILITY = 1e-6


class Candidate(NamedTuple):
    """A run of pieces that may be one character: those from `first` up to, but without, `stop`."""

    first: int
    stop: int


class Choice(NamedTuple):
    """A candidate on the best path, and the probability that it is a character of the line."""

    candidate: int
    probability: float


def candidates(pieces: Sequence[Piece], height: float) -> list[Candidate]:
    """Returns the runs of pieces of a line that may be characters, among them every piece and every blob.

    Args:
        pieces: from left to right.
        height: the usual height of a character, in pixels.
    """
    found: list[Candidate] = []
    for first in range(len(pieces)):
        last = first
        for stop in range(first + 1, min(first + _MAX_PIECES, len(pieces)) + 1):
            run = pieces[first:stop]
            if stop > first + 1:
                left, _, right, _ = union([piece.box for piece in run])
                if _between(run[-2], run[-1]) > _MAX_GAP * height:
                    break
                if right - left > _MAX_WIDTH * height:
                    break
            found.append(Candidate(first, stop))
            last = stop
        if pieces[first].cut == 0 and (stop := _end_of_blob(pieces, first)) > last:
            found.append(Candidate(first, stop))
    return found


def _end_of_blob(pieces: Sequence[Piece], first: int) -> int:
    """Returns the number of the piece after the blob of a piece."""
    stop = first + 1
    while stop < len(pieces) and pieces[stop].blob == pieces[first].blob:
        stop += 1
    return stop


def best_path(found: Sequence[Candidate], scores: NDArray[np.float64]) -> list[Choice]:
    """Returns the characters of a line, from left to right.

    Args:
        found: the result of `candidates`.
        scores: of each, the result of `scores`: float64 `[candidates]`.
    """
    count = found[-1].stop
    best = np.full(count + 1, -np.inf)
    best[0] = 0
    last = np.zeros(count + 1, np.int64)
    forward, backward = np.full(count + 1, -np.inf), np.full(count + 1, -np.inf)
    forward[0] = backward[count] = 0
    sharp = SHARPNESS * scores
    # Candidates are sorted by their first piece, so the sums to it are complete.
    for index, candidate in enumerate(found):
        score = best[candidate.first] + scores[index]
        if score > best[candidate.stop]:
            best[candidate.stop], last[candidate.stop] = score, index
        forward[candidate.stop] = np.logaddexp(
            forward[candidate.stop], forward[candidate.first] + sharp[index]
        )
    for index in range(len(found) - 1, -1, -1):
        first, stop = found[index]
        backward[first] = np.logaddexp(backward[first], backward[stop] + sharp[index])
    path: list[Choice] = []
    position = count
    while position:
        index = int(last[position])
        first, stop = found[index]
        share = np.exp(forward[first] + sharp[index] + backward[stop] - forward[count])
        path.append(Choice(index, float(min(share, 1.0))))
        position = first
    return path[::-1]


def scores(
    letters: NDArray[np.floating], shapes: NDArray[np.float64], nothing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the score of each candidate: float64 `[candidates]`.

    Args:
        letters: the probability that it is one character and that it is the best guess: float `[candidates]`.
        shapes: the result of `shape_scores`.
        nothing: the result of `nothing_scores`.
    """
    return np.maximum(np.log(np.maximum(letters, MIN_PROBABILITY)) + shapes, nothing)


def shape_scores(
    pieces: Sequence[Piece], found: Sequence[Candidate], height: float
) -> NDArray[np.float64]:
    """Returns the score of each candidate without what the network makes of it: float64 `[candidates]`."""
    return np.array([_shape_score(pieces, candidate, height) for candidate in found])


def nothing_scores(
    pieces: Sequence[Piece], found: Sequence[Candidate], height: float
) -> NDArray[np.float64]:
    """Returns the score of each whole blob as something that is not read, -inf for others: `[candidates]`."""
    return np.array([_nothing_score(pieces, candidate, height) for candidate in found])


def _nothing_score(pieces: Sequence[Piece], candidate: Candidate, height: float) -> float:
    first, stop = candidate
    if pieces[first].cut > 0 or stop != _end_of_blob(pieces, first):
        return -np.inf
    left, _, right, _ = union([piece.box for piece in pieces[first:stop]])
    return _NOTHING + _NOTHING_WIDTH * (right - left) / height


def _shape_score(pieces: Sequence[Piece], candidate: Candidate, height: float) -> float:
    """Returns the score of a candidate without what the network makes of it."""
    run = pieces[candidate.first : candidate.stop]
    score = _LETTER
    for a, b in itertools.pairwise(run):
        if a.blob != b.blob:
            score += _JOIN + _JOIN_GAP * max(_between(a, b), 0) / height
    box = union([piece.box for piece in run])
    width = (box[2] - box[0]) / height
    score += _WIDE * max(width - _WIDE_FROM, 0)
    begins_at_cut = run[0].cut > 0
    ends_at_cut = candidate.stop < len(pieces) and pieces[candidate.stop].cut > 0
    if begins_at_cut:
        score += _CUT + _CUT_INK * run[0].cut
    if begins_at_cut or ends_at_cut:
        score += _NARROW * max(_NARROW_TO - width, 0)
    for neighbour in (
        *pieces[max(candidate.first - 1, 0) : candidate.first],
        *pieces[candidate.stop : candidate.stop + 1],
    ):
        if _share_inside(neighbour.box, box) >= _INSIDE:
            score += _NESTED
    return score


def _share_inside(box: Box, other: Box) -> float:
    """Returns the share of a box that is inside of another one."""
    width, height = -gap(box, other, 0), -gap(box, other, 1)
    return max(width, 0) * max(height, 0) / ((box[2] - box[0]) * (box[3] - box[1]))


def _between(a: Piece, b: Piece) -> int:
    """Returns the horizontal gap between two pieces in pixels, 0 for those of one blob."""
    return gap(a.box, b.box, 0) if a.blob != b.blob else 0

"""The best path through the pieces of a line, against all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.reading import lattice
from jaxletters.reading.cuts import Piece
from jaxletters.reading.lattice import Candidate

HEIGHT = 40.0


@st.composite
def rows_of_pieces(draw):
    """Pieces from left to right, some cut from the stroke of the piece before."""
    pieces, left, blob = [], 0, 0
    for number in range(draw(st.integers(1, 7))):
        is_cut = number > 0 and draw(st.booleans())
        blob += number > 0 and not is_cut
        left += 0 if is_cut else draw(st.integers(1, 30))
        width = draw(st.integers(4, 40))
        cut = draw(st.floats(0.01, 0.5)) if is_cut else 0.0
        pieces.append(Piece(number + 1, (left, 0, left + width, 40), blob, cut))
        left += width
    return pieces


def scores_of(pieces, found, letters):
    shapes = lattice.shape_scores(pieces, found, HEIGHT)
    return lattice.scores(letters, shapes, lattice.nothing_scores(pieces, found, HEIGHT))


def all_paths(pieces, found):
    """Every sequence of candidates that covers each piece once, as lists of their numbers."""

    def continued(position):
        if position == len(pieces):
            yield []
        for number, (first, stop) in enumerate(found):
            if first == position:
                for rest in continued(stop):
                    yield [number, *rest]

    return list(continued(0))


@settings(max_examples=60, deadline=None)
@given(rows_of_pieces(), st.integers(0, 2**31))
def test_the_path_is_the_best_of_all_and_its_probabilities_are_shares_of_all(pieces, seed):
    found = lattice.candidates(pieces, HEIGHT)
    letters = np.random.default_rng(seed).uniform(0.01, 1, len(found))
    scores = scores_of(pieces, found, letters)
    chosen = lattice.best_path(found, scores)
    paths = all_paths(pieces, found)
    totals = np.array([scores[path].sum() for path in paths])
    path = [choice.candidate for choice in chosen]
    assert scores[path].sum() == pytest.approx(totals.max())
    weights = np.exp(lattice.SHARPNESS * (totals - totals.max()))
    for choice in chosen:
        share = sum(w for w, p in zip(weights, paths, strict=True) if choice.candidate in p)
        assert choice.probability == pytest.approx(share / weights.sum(), abs=1e-6)


@given(rows_of_pieces())
def test_every_piece_can_be_a_character_and_no_character_spans_a_space(pieces):
    found = lattice.candidates(pieces, HEIGHT)
    assert {Candidate(i, i + 1) for i in range(len(pieces))} <= set(found)
    for first, stop in found:
        for a, b in zip(pieces[first:stop], pieces[first + 1 : stop], strict=False):
            assert a.blob == b.blob or b.box[0] - a.box[2] <= HEIGHT / 2


def two_halves(gap):
    """Two separate strokes, and how they are put together if both are letters as a pair is."""
    pieces = [Piece(1, (0, 0, 16, 40), 0, 0.0), Piece(2, (16 + gap, 0, 32 + gap, 40), 1, 0.0)]
    return pieces, lattice.candidates(pieces, HEIGHT)


def test_strokes_that_are_no_letters_alone_are_put_together():
    pieces, found = two_halves(2)
    letters = [0.95 if stop - first == 2 else 0.2 for first, stop in found]
    (choice,) = lattice.best_path(found, scores_of(pieces, found, letters))
    assert found[choice.candidate] == (0, 2)
    assert choice.probability > 0.9


def test_strokes_that_are_letters_alone_are_left_apart():
    pieces, found = two_halves(4)
    letters = np.full(len(found), 0.9)
    path = lattice.best_path(found, scores_of(pieces, found, letters))
    assert [found[choice.candidate] for choice in path] == [(0, 1), (1, 2)]


def test_a_stroke_that_is_no_letters_stays_whole():
    pieces = [Piece(i + 1, (15 * i, 0, 15 * i + 15, 40), 0, 0.2 if i else 0.0) for i in range(8)]
    found = lattice.candidates(pieces, HEIGHT)
    letters = np.full(len(found), 1e-4)
    whole = [
        found[choice.candidate]
        for choice in lattice.best_path(found, scores_of(pieces, found, letters))
    ]
    assert whole == [Candidate(0, 8)]
    # Four letters, each of two pieces.
    for k, candidate in enumerate(found):
        if candidate.first % 2 == 0 and candidate.stop == candidate.first + 2:
            letters[k] = 0.9
    parts = [
        found[choice.candidate]
        for choice in lattice.best_path(found, scores_of(pieces, found, letters))
    ]
    assert parts == [Candidate(first, first + 2) for first in (0, 2, 4, 6)]

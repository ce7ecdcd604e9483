"""The best path through the letters of a word, against all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.reading import language, lattice, word_lattice
from jaxletters.reading.cuts import Piece
from jaxletters.reading.language import OUTSIDE

HEIGHT = 40.0
NAMES = ("A", "E", "T")


@st.composite
def words(draw):
    """Pieces of a word, its candidates and their letters."""
    count = draw(st.integers(1, 4))
    is_cut = [False, *(draw(st.booleans()) for _ in range(count - 1))]
    blobs = np.cumsum([not cut for cut in is_cut]).tolist()
    pieces = [
        Piece(i + 1, (20 * i, 0, 20 * i + 20, 40), blobs[i], 0.1 if is_cut[i] else 0.0)
        for i in range(count)
    ]
    found = lattice.candidates(pieces, HEIGHT)
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    probabilities = rng.dirichlet(np.ones(len(NAMES)), len(found))
    nothing = lattice.nothing_scores(pieces, found, HEIGHT)
    return found, word_lattice.letters(
        NAMES, probabilities, rng.normal(-1.5, 1, len(found)), nothing
    )


def all_paths(found, of):
    """Every path with every choice of letters: its candidates, and its score."""
    end = found[-1].stop
    closing = word_lattice._LANGUAGE * language.ratios()[:, :, OUTSIDE]

    def continued(place, a, b):
        if place == end:
            yield [], closing[a, b]
        for k, candidate in enumerate(found):
            if candidate.first == place:
                for i, token in enumerate(of.tokens[k]):
                    own = of.steps[k, a, b, i] + of.scores[k, i]
                    if np.isfinite(own):
                        for path, score in continued(candidate.stop, b, token):
                            yield [k, *path], own + score

    return list(continued(found[0].first, OUTSIDE, OUTSIDE))


@settings(max_examples=40, deadline=None)
@given(words())
def test_the_path_is_the_best_of_all_and_its_probabilities_are_shares_of_all(word):
    found, of = word
    paths = all_paths(found, of)
    totals = np.array([score for _, score in paths])
    chosen = word_lattice.best_path(found, of)
    assert [choice.candidate for choice in chosen] == paths[int(totals.argmax())][0]
    weights = np.exp(lattice.SHARPNESS * (totals - totals.max()))
    for choice in chosen:
        share = sum(
            w for w, (path, _) in zip(weights, paths, strict=True) if choice.candidate in path
        )
        assert choice.probability == pytest.approx(share / weights.sum(), abs=1e-6)


def test_the_other_letters_decide_between_two_ways_to_cut():
    # T, then one letter that may be N, or I and V; then G: "TING" and not "TIVG".
    names = ("G", "I", "N", "T", "V")
    pieces = [Piece(1, (0, 0, 30, 40), 0, 0.0), Piece(2, (40, 0, 50, 40), 1, 0.0)]
    pieces += [Piece(3, (60, 0, 70, 40), 2, 0.0), Piece(4, (71, 0, 90, 40), 3, 0.0)]
    pieces += [Piece(5, (100, 0, 130, 40), 4, 0.0)]
    found = lattice.candidates(pieces, HEIGHT)
    likely = {(0, 1): "T", (1, 2): "I", (2, 3): "I", (3, 4): "V", (2, 4): "N", (4, 5): "G"}
    probabilities = np.full((len(found), 5), 0.2)
    shapes = np.full(len(found), -9.0)
    for k, candidate in enumerate(found):
        if candidate in likely:
            probabilities[k] = [0.92 if name == likely[candidate] else 0.02 for name in names]
            # By their shapes alone, I and V are a little better than N.
            shapes[k] = -1.2 if candidate == (2, 4) else -0.5
    of = word_lattice.letters(names, probabilities, shapes, np.full(len(found), -np.inf))
    path = [found[choice.candidate] for choice in word_lattice.best_path(found, of)]
    assert path == [(0, 1), (1, 2), (2, 4), (4, 5)]

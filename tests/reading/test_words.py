"""Gaps between characters become spaces between words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.reading import words


@given(
    st.lists(st.floats(0.0, 0.25), min_size=1, max_size=30),
    st.lists(st.floats(0.6, 1.2), min_size=1, max_size=8),
)
def test_gaps_of_two_kinds_are_told_apart(letters, spaces):
    found = words.threshold([*letters, *spaces])
    assert max(letters) < found <= min(spaces)


@given(st.floats(0.05, 1.0), st.lists(st.floats(0.8, 1.25), max_size=20))
def test_letters_that_are_all_as_far_apart_have_no_spaces(width, factors):
    gaps = [width * factor for factor in factors]
    assert all(gap < words.threshold(gaps) for gap in gaps)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_gaps_is_irrelevant(seed):
    rng = np.random.default_rng(seed)
    gaps = rng.uniform(0, 1, 12)
    assert words.threshold(gaps.tolist()) == pytest.approx(
        words.threshold(rng.permutation(gaps).tolist())
    )


@given(
    st.lists(st.floats(0.0, 0.12), min_size=6, max_size=30),
    st.lists(st.floats(0.26, 0.4), min_size=1, max_size=8),
)
def test_regular_writing_has_narrow_spaces(letters, spaces):
    found = words.threshold([*letters, *spaces])
    assert max(letters) < found <= min(spaces)


def test_a_word_with_one_wider_gap_is_one_word():
    assert words.threshold([0.05, 0.1, 0.08, 0.3]) > 0.3
    assert words.threshold([0.05, 0.2, 0.08, 0.15, 0.1, 0.18, 0.3]) > 0.3


def test_one_gap_between_the_two_kinds_keeps_the_spaces():
    # Of a note in which one letter is further away from its neighbour than others.
    letters = [0.0] * 10 + [0.03] * 8 + [0.06] * 6 + [0.11, 0.21]
    found = words.threshold([*letters, 0.33, 0.35, 0.44, 0.44])
    assert 0.21 < found <= 0.33

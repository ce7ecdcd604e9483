"""The prior of letters in words, against the sums over all sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.reading import language
from jaxletters.reading.language import OUTSIDE

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def score_of(word):
    """The score of a word: the sum of those of its letters and of its end."""
    numbers = [OUTSIDE, OUTSIDE, *(ord(letter) - ord("A") for letter in word), OUTSIDE]
    ratios = language.ratios()
    return float(
        sum(ratios[a, b, c] for a, b, c in zip(numbers, numbers[1:], numbers[2:], strict=False))
    )


def row_of(**probabilities):
    row = np.full(26, 1e-3)
    for letter, probability in probabilities.items():
        row[ord(letter) - ord("A")] = probability
    return row / row.sum()


def test_probabilities_after_two_letters_add_up_to_1():
    shares = np.exp(language.ratios().astype(np.float64)) / 26
    np.testing.assert_allclose(shares.sum(2), 1, atol=2e-3)


@pytest.mark.parametrize(
    ("likely", "unlikely"), [("THE", "TQE"), ("QUEEN", "QXEEN"), ("ABCD", "AQCD")]
)
def test_words_are_more_likely_than_letters_at_random(likely, unlikely):
    assert score_of(likely) > score_of(unlikely)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**31))
def test_probabilities_in_a_word_are_those_of_all_sequences(length, seed):
    names = ("A", "b", "7", "T")
    rows = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), length).astype(np.float32)
    numbers, steps = (
        language.tokens(names),
        np.exp(language.WEIGHT * language.steps(language.tokens(names))),
    )
    end = np.exp(language.WEIGHT * language.ratios()[:, :, OUTSIDE])
    sums = np.zeros((length, 4))
    for labels in itertools.product(range(4), repeat=length):
        weight, a, b = 1.0, OUTSIDE, OUTSIDE
        for i, label in enumerate(labels):
            weight *= rows[i, label] * steps[a, b, label]
            a, b = b, numbers[label]
        for i, label in enumerate(labels):
            sums[i, label] += weight * end[a, b]
    expected = sums / sums.sum(1, keepdims=True) if length > 1 else rows
    np.testing.assert_allclose(language.apply(names, rows), expected, rtol=1e-3, atol=1e-6)


def test_an_unclear_letter_is_read_by_the_others_and_a_clear_one_stays():
    unclear = np.stack([row_of(Q=1), row_of(U=0.4, V=0.6), row_of(I=1), row_of(T=1)])
    found = language.apply(LETTERS, unclear.astype(np.float32))
    assert "".join(LETTERS[k] for k in found.argmax(1)) == "QUIT"
    clear = np.stack([row_of(X=50), row_of(Q=50), row_of(Z=50)])
    found = language.apply(LETTERS, clear.astype(np.float32))
    assert "".join(LETTERS[k] for k in found.argmax(1)) == "XQZ"


def test_digits_and_single_characters_keep_their_probabilities():
    digits = np.random.default_rng(0).dirichlet(np.ones(10), 5).astype(np.float32)
    np.testing.assert_array_equal(language.apply(tuple("0123456789"), digits), digits)
    one = row_of(A=0.5, B=0.4)[None].astype(np.float32)
    np.testing.assert_array_equal(language.apply(LETTERS, one), one)

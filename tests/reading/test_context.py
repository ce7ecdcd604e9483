"""A word is letters or a number, so its characters tell which of two that look alike one is."""

import string

import numpy as np
import pytest

from jaxletters.reading import context

NAMES = ("N/A", *string.digits, *string.ascii_uppercase)
CASED = (*string.digits, *string.ascii_letters)


def word(text, certain=0.96, names=NAMES):
    """Probabilities of a word that is seen as `text`, one row per character."""
    usable = [name != "N/A" for name in names]
    rows = np.outer(np.ones(len(text)), usable) * (1 - certain) / (sum(usable) - 1)
    rows[np.arange(len(text)), [names.index(c) for c in text]] = certain
    return rows.astype(np.float32)


def read(text, certain=0.96, names=NAMES):
    found = context.apply(names, word(text, certain, names))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found.dtype == np.float32
    return "".join(names[label] for label in found.argmax(axis=1))


@pytest.mark.parametrize("certain", [0.9, 0.96, 0.999])
@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("2O26", "2026"),
        ("H0USE", "HOUSE"),
        ("SCH00L", "SCHOOL"),
        ("34S7", "3457"),
        ("TABL5", "TABLS"),
        ("8UT", "BUT"),
        ("7B3", "783"),
        ("A4", "A4"),
        ("MP3", "MP3"),
        ("XY743", "XY743"),
        ("CAT", "CAT"),
        ("1984", "1984"),
    ],
)
def test_neighbours_tell_digits_from_letters(seen, meant, certain):
    assert read(seen, certain) == meant


def test_the_less_certain_the_neighbours_the_less_certain_the_character():
    sure = context.apply(NAMES, word("H0USE", 0.96))
    unsure = context.apply(NAMES, np.concatenate([word("H", 0.5), word("0"), word("USE", 0.5)]))
    letter = NAMES.index("O")
    assert sure[1, letter] > unsure[1, letter] > word("0")[0, letter]


def test_a_character_alone_stays_as_it_is():
    for text in ("0", "O", "S"):
        np.testing.assert_array_equal(context.apply(NAMES, word(text)), word(text))
    assert context.apply(NAMES, word("")).shape == (0, len(NAMES))


def test_a_word_of_characters_that_look_alike_is_uncertain():
    found = context.apply(NAMES, word("5O"))
    assert found.max() < 0.7
    assert found[0, [NAMES.index("5"), NAMES.index("S")]].min() > 0.2


@pytest.mark.parametrize("names", [("N/A", *string.ascii_uppercase), tuple(string.digits)])
def test_letters_alone_or_digits_alone_have_nothing_to_tell_apart(names):
    rows = word("".join(names[5:9]), 0.5, names)
    np.testing.assert_array_equal(context.apply(names, rows), rows)


def test_small_letters_look_like_digits_too():
    assert read("h0use", names=CASED) in ("house", "hOuse")
    assert read("2o26", names=CASED) == "2026"


def test_a_class_that_no_example_has_stays_impossible():
    assert not context.apply(NAMES, word("H0USE"))[:, 0].any()


@pytest.mark.parametrize("masked", ["O", "0"])
def test_a_class_that_is_no_answer_stays_impossible_beside_one_that_looks_like_it(masked):
    label = NAMES.index(masked)
    rows = word("H0USE" if masked == "O" else "2O26")
    rows[:, label] = 0
    rows /= rows.sum(axis=1, keepdims=True)
    found = context.apply(NAMES, rows)
    assert not found[:, label].any()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_other_characters_fit_in_both():
    names = (*NAMES, "-")
    assert read("2O-26", names=names) == "20-26"

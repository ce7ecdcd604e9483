"""The pages that benchmarks/pages.py generates and how it scores what is read of them."""

from types import SimpleNamespace

import numpy as np
import page_generator
import page_glyphs
import page_non_letters
import page_paper
import page_scores
import pages
import pytest
from PIL import Image, ImageDraw

from jaxletters.core.types import Dataset

UNKNOWN = "?"


def letter(index):
    """An image of a dataset: a ring with a bar whose place tells the letter."""
    image = Image.new("L", (28, 28))
    draw = ImageDraw.Draw(image)
    draw.ellipse((5, 3, 22, 25), outline=255, width=3)
    draw.line((8, 4 + index, 20, 4 + index), fill=255, width=2)
    return np.asarray(image)


@pytest.fixture(scope="module")
def pool():
    names = ("N/A", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    labels = np.repeat(np.arange(1, 27, dtype=np.int32), 2)
    return page_glyphs.of(Dataset(np.stack([letter(i % 20) for i in labels]), labels, names))


def character(name, confidence=0.5, candidates=()):
    return SimpleNamespace(name=name, confidence=confidence, candidates=candidates)


def reading(text, confidence=0.5):
    """A reading of a text; every set holds what was read."""
    lines = [
        [[character(c, confidence, (c,)) for c in word] for word in line.split()]
        for line in text.split("\n")
    ]
    return SimpleNamespace(lines=lines)


def score(written, read):
    return page_scores.of_page([line.split() for line in written.split("\n")], read)


def test_a_pool_has_the_letters_alone(pool):
    assert sorted(pool.letters) == [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert pool.height == pytest.approx(23, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", page_generator.KINDS)
def test_the_boxes_of_a_page_hold_its_ink(pool, kind):
    page = page_generator.generate(pool, 5, kind)
    assert len(page.boxes) == len(page.text.replace(" ", "").replace("\n", ""))
    height, width, _ = page.picture.shape
    assert (page.boxes[:, :2] >= 0).all()
    assert (page.boxes[:, 2:] <= (width, height)).all()
    grey = page.picture.mean(2)
    for left, top, right, bottom in np.rint(page.boxes).astype(int):
        # Between ink and paper, not noise.
        assert np.ptp(grey[top:bottom, left:right]) > 25


@pytest.mark.slow
def test_a_page_is_a_function_of_its_seed(pool):
    first, again, other = (page_generator.generate(pool, seed, "desk") for seed in (4, 4, 2))
    np.testing.assert_array_equal(first.picture, again.picture)
    assert first.text == again.text != other.text


@pytest.mark.slow
def test_only_words_of_the_pools_letters_are_written(pool):
    few = pool._replace(letters={name: pool.letters[name] for name in "AEMNOTW"})
    assert {*page_generator.generate(few, 0, "plain").text} <= {*"AEMNOTW \n"}


def test_letters_touch_where_they_should():
    square = np.ones((20, 10), np.float32)
    before = page_paper.Letter(square, 100, 0)
    hand = page_generator.Hand(20, 0, 0.1, 1, 0.5, touching=1)
    rng = np.random.default_rng(0)
    assert page_generator.beside(before, square, 3, 20, hand, rng) in (108, 109)
    apart = page_generator.beside(before, square, 3, 20, hand._replace(touching=0), rng)
    assert 111 <= apart <= 113


def test_what_is_read_right_has_no_errors():
    found = score("an apple\nfell", reading("AN APPLE\nFELL", 0.95))
    assert (found.written, found.errors, found.words, found.words_right) == (11, 0, 3, 3)
    assert found.spaces == found.line_breaks == (1, 1, 1)
    assert found.sure_and_wrong == 0
    assert found.in_set.all()


def test_errors_are_counted_once_each():
    found = score("the cat sat", reading("TNE CAAT ST", 0.95))
    assert found.errors == 3  # replaced, inserted, removed
    assert found.words_right == 0
    assert found.sure_and_wrong == 2
    assert (~found.in_set).sum() == 1


def test_breaks_that_are_lost_and_made_up():
    found = score("ab cd ef\ngh", reading("AB CDEF G\nH"))
    assert found.errors == 0
    assert found.spaces == (2, 2, 1)
    assert found.line_breaks == (1, 1, 0)


def test_a_refused_character_is_an_error_but_not_a_sure_one():
    read = reading("A" + UNKNOWN + "C", 0.95)
    found = score("abc", read)
    assert (found.errors, found.sure_and_wrong) == (1, 0)
    assert found.refused == pytest.approx(1 / 3)
    assert found.at_coverage(2 / 3) == 1
    assert found.at_coverage(1) == pytest.approx(2 / 3)


def test_nothing_read_is_all_errors():
    found = score("ab c", None)
    assert (found.errors, found.words_right, len(found.right)) == (3, 0, 0)
    both = page_scores.total([found, score("a", reading("A"))])
    assert (both.pages, both.written, both.errors, both.spaces.written) == (2, 4, 3, 1)


def test_a_row_of_a_table():
    row = pages.cells("kind", score("ab\nab", reading("AB\nAB")))
    assert len(row) == len(pages.HEADING.split("|"))
    assert row[:7] == ["kind", "1", "4", "0.0%", "100.0%", "-", "100.0%"]


@pytest.mark.slow
def test_things_of_every_kind_are_drawn(pool):
    things = page_non_letters.draw(pool, 0, 9)
    assert len({thing.kind for thing in things}) == 9
    for thing in things:
        assert thing.picture.dtype == np.uint8
        assert np.ptp(thing.picture.mean(2)) > 25

import functools

import jax
import numpy as np
import pytest
import tiny

from jaxletters.config.augmentation import EntryStrokes, LetterCuts
from jaxletters.core import rng
from jaxletters.data.synthetic import sketch
from jaxletters.training import joined_letters

join_strokes = functools.partial(tiny.quick_jit, static_argnums=3)(joined_letters.join_strokes)
cut_out = functools.partial(tiny.quick_jit, static_argnums=3)(joined_letters.cut_out)
KEY = rng.key(3, rng.Stream.AUGMENT)
BLANK = np.zeros((40, 28, 28), np.float32), np.ones(40, np.int32)


@pytest.fixture(scope="module")
def letters():
    images, labels = sketch.draw(130, "train", 0)
    return np.float32(images) / 255, labels


def is_changed(images, others):
    return np.abs(np.asarray(images) - others).max((1, 2)) > 1e-6


@pytest.mark.slow
def test_a_stroke_joins_only_letters_that_stay_what_they_are(letters):
    images, labels = letters
    changed = is_changed(join_strokes(KEY, images, labels, EntryStrokes(share=1.0)), images)
    # A stroke makes an L of I, a J of it, a Q of O at its lower right, a P of D ...
    never = np.isin(labels, [ord(letter) - 64 for letter in "FIJLPTYZ"])
    always = np.isin(labels, [ord(letter) - 64 for letter in "ACDEHKMNQRUOW"])
    assert not changed[never].any()
    assert changed[always].mean() > 0.9
    some = is_changed(join_strokes(KEY, images, labels, EntryStrokes(share=0.3)), images)
    assert 0 < some.mean() < 0.3


@pytest.mark.slow
def test_a_stroke_makes_a_letter_wider_and_stays_on_the_canvas(letters):
    images, labels = letters
    chosen = labels == 1  # A
    joined = np.asarray(join_strokes(KEY, images, labels, EntryStrokes(share=1.0)))[chosen]
    before = images[chosen]
    shapes = [
        [np.ptp(np.flatnonzero((image > 0.5).any(axis))) for axis in (0, 1)]
        for image in (*before, *joined)
    ]
    widths = np.array(shapes)[:, 0] / np.array(shapes)[:, 1]
    wider = widths[len(before) :] - widths[: len(before)]
    # A stroke to the top of a letter may stay above its foot.
    assert (wider >= 0).all()
    assert wider.max() > 0.1
    assert (joined[:, [0, -1]].max() < 0.5, joined[:, :, [0, -1]].max() < 0.5) == (True, True)


@pytest.mark.slow
def test_letters_that_are_cut_from_a_neighbour_keep_most_of_their_ink(letters):
    images, labels = letters
    found, same = cut_out(KEY, images, labels, LetterCuts(share=1.0))
    np.testing.assert_array_equal(same, labels)
    found = np.asarray(found)
    assert is_changed(found, images).all()
    both = np.minimum(found > 0.3, images > 0.3).sum((1, 2)) / (images > 0.3).sum((1, 2))
    # They are placed in the middle again, so that they do not cover themselves everywhere.
    assert np.median(both) > 0.5
    assert (found.min() >= 0, found.max() <= 1 + 1e-6) == (True, True)
    some = is_changed(cut_out(KEY, images, labels, LetterCuts(share=0.3))[0], images)
    assert 0.1 < some.mean() < 0.5


@pytest.mark.slow
def test_blank_images_stay_finite():
    assert np.isfinite(join_strokes(KEY, *BLANK, EntryStrokes(1.0))).all()
    assert np.isfinite(cut_out(KEY, *BLANK, LetterCuts(1.0))[0]).all()


def test_a_key_stands_for_one_batch(letters):
    images, labels = (x[:26] for x in letters)
    first, again = (jax.device_get(cut_out(KEY, images, labels, LetterCuts())) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxletters.config.augmentation import NonCharacters, NonLetters
from jaxletters.core import rng
from jaxletters.data.synthetic import sketch
from jaxletters.training import drawings, non_letters

replace = functools.partial(tiny.quick_jit, static_argnums=3)(non_letters.replace)
KEY = rng.key(3, rng.Stream.AUGMENT)


@pytest.fixture(scope="module")
def letters():
    images, labels = sketch.draw(130, "train", 0)
    return np.float32(images) / 255, labels


@pytest.fixture(scope="module")
def replaced(letters):
    images, labels = replace(KEY, *letters, NonLetters(share=0.5))
    return np.asarray(images), np.asarray(labels)


@pytest.mark.slow
def test_as_many_as_it_says_get_label_0_and_the_others_stay(letters, replaced):
    images, labels = replaced
    assert (labels == 0).sum() == 65
    kept = labels != 0
    np.testing.assert_array_equal(images[kept], letters[0][kept])
    np.testing.assert_array_equal(labels[kept], letters[1][kept])
    # Spread over the batch, whose parts are on different devices.
    assert (labels[:26] == 0).sum() == (labels[-26:] == 0).sum() == 13


@pytest.mark.slow
def test_they_are_ink_on_the_canvas_and_differ(replaced):
    images, labels = replaced
    new = images[labels == 0]
    assert new.dtype == np.float32
    assert np.isfinite(new).all()
    assert new.min() >= 0
    assert new.max() <= 1 + 1e-5
    assert (new.max((1, 2)) > 0.5).all()
    assert len(np.unique(new, axis=0)) == len(new)


@pytest.mark.slow
def test_a_key_stands_for_one_batch(letters, replaced):
    again = replace(KEY, *letters, NonLetters(share=0.5))
    np.testing.assert_array_equal(again[0], replaced[0])
    other = replace(rng.key(4, rng.Stream.AUGMENT), *letters, NonLetters(share=0.5))
    assert not np.array_equal(other[0], replaced[0])


@pytest.mark.slow
def test_where_digits_are_classes_letters_are_numbered_after_them(letters, replaced):
    images, labels = replace(KEY, letters[0], letters[1] + 10, NonCharacters(share=0.5))
    assert (np.asarray(labels) == 0).sum() == 65
    # The pieces and pairs are those of the same letters; only drawings differ.
    same = (np.asarray(images) == replaced[0]).all((1, 2))
    assert 0.7 < same.mean() < 1


def test_no_share_changes_nothing(letters):
    images, labels = map(jnp.asarray, letters)
    found = non_letters.replace(KEY, images, labels, NonLetters(share=0))
    assert (found[0] is images, found[1] is labels) == (True, True)


@pytest.mark.slow
def test_empty_images_stay_finite():
    found, _ = replace(
        KEY, np.zeros((40, 28, 28), np.float32), np.ones(40, np.int32), NonLetters(0.9)
    )
    assert np.isfinite(found).all()


def test_every_drawing_has_its_segments_once_and_copies_of_the_first():
    table = drawings.drawings(digits=True)
    assert len(drawings.drawings(digits=False).ends) < len(table.ends)
    count = len(table.ends)
    assert table.ends.shape == (count, drawings.SEGMENTS, 2, 2)
    assert table.strokes.shape == (count, drawings.SEGMENTS, drawings.STROKES)
    np.testing.assert_array_equal(table.strokes.sum(2), 1)
    assert np.abs(table.ends).max() < 2
    assert (np.abs(table.ends[:, -1] - table.ends[:, 0]).max((1, 2)) < 2).all()
    assert 0 < table.divisible.sum() < count


@pytest.mark.slow
def test_pairs_are_wider_than_high_and_fill_the_canvas():
    bar = np.zeros((28, 28), np.float32)
    bar[3:25, 8:20] = 1
    pairs = np.asarray(
        jax.vmap(non_letters._pair, (0, None, None))(jax.random.split(KEY, 50), bar, bar)
    )
    columns = (pairs > 0.3).any(1).sum(1)
    rows = (pairs > 0.3).any(2).sum(1)
    assert (np.maximum(columns, rows) >= 19).all()
    assert (np.maximum(columns, rows) <= 27).all()

import hashlib
import string
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxletters.data import datasets
from jaxletters.data.synthetic import sketch, strokes

pytestmark = pytest.mark.slow

SPLITS = ("train", "test")
CLASSES = range(1, 27)


@pytest.fixture(scope="module", params=SPLITS)
def drawn(request):
    return sketch.draw(5200, request.param, 0)


def digest(count, split, seed):
    images, labels = sketch.draw(count, split, seed)
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def class_means(images, labels):
    """Returns float64 `[26, 28, 28]`."""
    return np.stack([images[labels == label].mean(axis=0) for label in CLASSES])


def likeness(ours, theirs):
    """Returns the correlation of the pixels of every image with every other, `[len, len]`."""
    n = len(ours)
    return np.corrcoef(ours.reshape(n, -1), theirs.reshape(n, -1))[:n, n:]


@pytest.mark.parametrize("split", SPLITS)
def test_another_process_draws_the_same_bytes(split):
    code = (
        "import hashlib\nfrom jaxletters.data.synthetic import sketch\n"
        f"images, labels = sketch.draw(500, {split!r}, 7)\n"
        "print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == digest(500, split, 7)


@settings(max_examples=15)
@example(count=0, split="train", seed=0)
@example(count=2**11, split="test", seed=2**32 - 1)
@given(st.integers(0, 1500), st.sampled_from(SPLITS), st.integers(0, 2**32 - 1))
def test_every_draw_is_balanced_and_continues_a_shorter_one(count, split, seed):
    images, labels = sketch.draw(count, split, seed)
    assert images.dtype == np.uint8
    assert images.shape == (count, 28, 28)
    assert labels.dtype == np.int32
    assert labels.shape == (count,)
    per_class = np.bincount(labels, minlength=27)
    assert len(per_class) == 27
    assert per_class[0] == 0
    assert np.ptp(per_class[1:]) <= 1
    part_images, part_labels = sketch.draw(count // 3, split, seed)
    np.testing.assert_array_equal(part_images, images[: count // 3])
    np.testing.assert_array_equal(part_labels, labels[: count // 3])


def test_seeds_and_splits_draw_other_letters_in_another_order():
    draws = [sketch.draw(520, split, seed) for split in SPLITS for seed in (0, 1)]
    assert len({labels.tobytes() for _, labels in draws}) == 4
    images = np.concatenate([images for images, _ in draws])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_letters_fill_the_image_and_leave_a_margin(drawn):
    images, _ = drawn
    edge = np.concatenate([images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()])
    assert edge.max() < 16
    ink = images > 64
    sizes, middles = [], []
    for side in (ink.any(axis=2), ink.any(axis=1)):
        first, last = side.argmax(axis=1), 27 - side[:, ::-1].argmax(axis=1)
        sizes.append(last - first + 1)
        middles.append((first + last) / 2)
    assert np.maximum(*sizes).min() >= 17
    assert np.maximum(*sizes).max() <= 25
    assert np.abs(np.array(middles) - 13.5).max() <= 2
    # Black ink on white paper, and a pen's width between a hair and a blot.
    assert images.max(axis=(1, 2)).min() >= 200
    assert np.all((ink.mean(axis=(1, 2)) > 0.02) & (ink.mean(axis=(1, 2)) < 0.5))


def test_every_class_is_most_like_itself(drawn):
    images, labels = drawn
    half = len(images) // 2
    alike = likeness(
        class_means(images[:half], labels[:half]), class_means(images[half:], labels[half:])
    )
    np.testing.assert_array_equal(alike.argmax(axis=1), np.arange(26))
    assert alike[~np.eye(26, dtype=bool)].max() < 0.95


def test_letters_stand_upright(drawn):
    means = dict(zip(string.ascii_uppercase, class_means(*drawn), strict=True))

    def ink(letter, rows, columns):
        return means[letter][rows, columns].mean()

    low, high, left, right = slice(16, 28), slice(0, 12), slice(0, 12), slice(16, 28)
    everything = slice(None)
    assert ink("L", low, everything) > 1.3 * ink("L", high, everything)
    assert ink("L", low, left) > 1.5 * ink("L", high, left)
    assert ink("T", high, everything) > 1.4 * ink("T", low, everything)
    assert ink("J", low, left) > 3 * ink("J", high, left)
    assert ink("F", high, right) > 5 * ink("F", low, right)
    assert ink("U", low, everything) > 1.2 * ink("U", high, everything)
    assert ink("C", everything, left) > 1.4 * ink("C", everything, right)


def test_the_test_split_is_written_in_other_styles():
    images, labels = sketch.draw(5200, "train", 0)

    def distance(split):
        """Mean distance of fresh letters to the nearest training letter of their class."""
        others, their_labels = sketch.draw(1040, split, 1)
        nearest = []
        for label in CLASSES:
            known = images[labels == label].reshape(-1, 784) / 255
            new = others[their_labels == label].reshape(-1, 784) / 255
            squares = (new**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * new @ known.T
            nearest.append(np.sqrt(squares.min(axis=1)).mean())
        return np.mean(nearest)

    assert distance("test") > 1.05 * distance("train")


def test_every_letter_has_forms_of_its_own_in_both_splits():
    assert sorted(strokes.LETTERS) == sorted(string.ascii_letters)
    owner = {}
    for letter, forms in strokes.LETTERS.items():
        assert len(forms.train) >= 2
        assert len(forms.test) >= 2
        for form in (*forms.train, *forms.test):
            assert owner.setdefault(form, letter) == letter
        assert len({*forms.train, *forms.test}) == len(forms.train) + len(forms.test)


@pytest.mark.parametrize("split", SPLITS)
def test_letters_are_like_real_ones_and_only_the_right_way_up(split, real_emnist):
    real = datasets.load(real_emnist, "train")
    theirs = class_means(real.images[:26_000], real.labels[:26_000])
    ours = class_means(*sketch.draw(5200, split, 0))
    upright = likeness(ours, theirs)
    assert np.mean(upright.argmax(axis=1) == np.arange(26)) > 0.85
    for turns in range(4):
        turned = np.rot90(ours, turns, axes=(1, 2))
        for other in (turned, turned.transpose(0, 2, 1)):
            if not np.array_equal(other, ours):
                assert likeness(other, theirs).trace() < upright.trace() - 2

"""What is learned from, chosen by and tested on never overlaps, and is all there is."""

import dataclasses

import numpy as np
import pytest

from jaxletters.config.builtin_sources import AlphaDigits, SketchLetters
from jaxletters.config.schema import Config, Split
from jaxletters.config.sources import Arrays
from jaxletters.core.errors import UserError
from jaxletters.data import selection
from jaxletters.data.datasets import DatasetSplits, Subset
from jaxletters.runs import data_description

ONE_EACH = Split(validation_per_class=1)


@pytest.fixture
def letters():
    """Ten capitals of each class, every image another one; there is no test split."""
    number = np.arange(260)
    bits = (number[:, None] >> np.arange(320) % 9) & 1
    bits[:, 300:] = 1
    return DatasetSplits(Arrays(bits.reshape(260, 20, 16), 1 + number % 26))


def images(splits, choose, split, seed=0):
    """The images of each part that a function of `portions` chooses, as a set of bytes."""
    parts = choose(splits, split, seed)
    parts = parts if isinstance(parts, tuple) and not isinstance(parts, Subset) else (parts,)
    return [{image.tobytes() for image in splits.take(part).images} for part in parts]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_share_to_test_on_is_kept_from_training(letters, share):
    split = dataclasses.replace(ONE_EACH, test_share=share)
    parts = [
        *images(letters, selection.train_and_validation, split, seed=3),
        *images(letters, selection.test, split, seed=3),
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 260
    assert len(parts[2]) == 26 * round(10 * share)
    assert len(parts[1]) == 26
    assert images(letters, selection.test, split, seed=4) != [parts[2]]


def test_a_limit_leaves_the_test_examples_as_they_are(letters):
    split = dataclasses.replace(ONE_EACH, test_share=0.2)
    limited = dataclasses.replace(split, limit=182)
    (whole,) = images(letters, selection.training_pool, split)
    (few,) = images(letters, selection.training_pool, limited)
    assert len(few) == 182
    assert few < whole
    assert images(letters, selection.test, split) == images(letters, selection.test, limited)


def test_without_validation_all_is_learned_from(letters):
    parts = selection.train_and_validation(letters, Split(validation_per_class=0), seed=0)
    train, validation = map(letters.take, parts)
    assert (len(train.labels), len(validation.labels)) == (260, 0)
    assert validation.images.shape == (0, 20, 16)


def test_letters_come_on_emnist_s_canvas_if_asked(letters):
    images = AlphaDigits(resize="bilinear").resized(letters.raw("train").images)
    assert images.shape == (260, 28, 28)
    assert not images[:, :2].any()
    assert not images[:, -2:].any()


def test_it_is_said_when_there_would_be_nothing_to_test_on():
    with pytest.raises(UserError, match=r"mine has no test split .*split\.test_share=0\.2"):
        selection.check_test("mine", ("train",), ONE_EACH)
    share = dataclasses.replace(ONE_EACH, test_share=0.2)
    selection.check_test("mine", ("train",), share)
    with pytest.raises(UserError, match=r"test_share: expected 0, .*mnist.*found 0\.2"):
        selection.check_test("mnist", ("train", "test"), share)


def test_settings_can_be_chosen_without_a_look_at_the_test_split():
    config = Config(
        dataset=SketchLetters(size=260),
        split=Split(validation_per_class=1, test_on="validation"),
    )
    splits = DatasetSplits(config.dataset)
    selection.check_test("mine", splits.names, config.split)
    _, validation = selection.train_and_validation(splits, config.split, seed=2)
    tested = selection.test(splits, config.split, seed=2)
    assert tested.split == validation.split == "train"
    np.testing.assert_array_equal(tested.indices, validation.indices)
    about = data_description.describe(splits, data_description.splits_used(config, splits.names))
    assert set(about["splits"]) == set(splits._raw) == {"train"}

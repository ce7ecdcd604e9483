"""Letters of one hand: every fifth of a class is for the test, the others are mixed with learned ones."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxletters.config import serialization, user_code
from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.hand import Hand
from jaxletters.config.schema import Split
from jaxletters.config.slots import Source
from jaxletters.config.sources import Joined
from jaxletters.core.errors import UserError
from jaxletters.data import datasets, selection
from jaxletters.data.digests import of_images

NAMES = SketchLetters().info().class_names


@pytest.fixture
def folder(tmp_path):
    """Six pictures of A, ten of b, four of C; each is one grey, its number."""
    for name, first, count in (("A", 0, 6), ("b", 10, 10), ("C", 30, 4)):
        (tmp_path / name).mkdir()
        for number in range(first, first + count):
            image = np.full((28, 28), 100 + number, np.uint8)
            image[:2] = image[:, :2] = image[-2:] = image[:, -2:] = 0
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    return tmp_path


def numbers(images):
    return [int(image[14, 14]) - 100 for image in images]


def test_every_fifth_letter_of_a_class_is_held_out(folder):
    hand = Hand(path=str(folder), class_names=NAMES)
    train, test = (datasets.load(hand, split) for split in ("train", "test"))
    assert numbers(test.images) == [4, 14, 19]
    assert test.labels.tolist() == [1, 2, 2]
    assert {*numbers(train.images)} == {*range(6), *range(10, 20), *range(30, 34)} - {4, 14, 19}
    assert {NAMES[label] for label in train.labels} == {"A", "B", "C"}


def test_learned_letters_are_mixed_in(folder):
    learned = SketchLetters(size=520)
    split = Split(validation_per_class=0)
    hand = Hand(path=str(folder), class_names=NAMES, learned=(learned,), split=split)
    train, test = (datasets.load(hand, split) for split in ("train", "test"))
    known = np.isin(of_images(train.images), of_images(datasets.load(learned, "train").images))
    assert known.sum() == 520
    assert {*train.labels[known].tolist()} == {*range(1, 27)}
    # Every letter of the hand occurs equally often.
    _, counts = np.unique(of_images(train.images[~known]), return_counts=True)
    assert len(counts) == 17
    assert len({*counts.tolist()}) == 1
    assert len(test.labels) == 3


def test_validation_examples_are_those_that_the_network_was_not_trained_on(folder):
    learned = SketchLetters(size=520)
    split = Split(validation_per_class=2)
    hand = Hand(path=str(folder), class_names=NAMES, learned=(learned,), split=split, seed=5)
    splits = datasets.DatasetSplits(learned)
    trained, held_out = map(splits.take, selection.train_and_validation(splits, split, 5))
    train, validation = (datasets.load(hand, split) for split in ("train", "validation"))
    np.testing.assert_array_equal(validation.images, held_out.images)
    np.testing.assert_array_equal(validation.labels, held_out.labels)
    assert not np.isin(of_images(validation.images), of_images(train.images)).any()
    assert np.isin(of_images(trained.images), of_images(train.images)).all()


def test_several_datasets_are_mixed_in(folder):
    learned = Joined((SketchLetters(size=520), SketchLetters(size=260)))
    split = Split(validation_per_class=0)
    hand = Hand(path=str(folder), class_names=NAMES, learned=(learned,), split=split)
    known = of_images(datasets.load(learned, "train").images)
    train = datasets.load(hand, "train")
    assert np.isin(of_images(train.images), known).sum() == 780
    assert "validation" not in hand.info().splits
    values = json.loads(json.dumps(serialization.to_dict(hand)))
    assert user_code.load_part(values, Source, None) == hand


def test_a_folder_of_a_class_that_differs_in_case_has_a_number(folder):
    names = ("A", "B", "C", "a", "b", "c")
    (folder / "b").rename(folder / "b_2")
    hand = Hand(path=str(folder), class_names=names)
    assert {names[label] for label in datasets.load(hand, "train").labels} == {"A", "b", "C"}
    (folder / "b_2").rename(folder / "b")
    assert {names[label] for label in datasets.load(hand, "train").labels} == {"A", "b", "C"}


@pytest.mark.parametrize("wrong", ["unknown class", "too few"])
def test_other_folders_are_refused(folder, wrong):
    if wrong == "unknown class":
        (folder / "b").rename(folder / "beta")
    else:
        for number in (4, 5, *range(14, 20)):
            next(folder.glob(f"*/{number}.png")).unlink()
    with pytest.raises(UserError, match="expected") as caught:
        datasets.load(Hand(path=str(folder), class_names=NAMES), "train")
    assert "\n" not in str(caught.value)

"""What is learned from, chosen by and tested on never overlaps, and is all there is."""

import dataclasses

import numpy as np
import pytest

from jaxletters import data
from jaxletters.config import DatasetConfig
from jaxletters.data import portions
from jaxletters.errors import UserError


@pytest.fixture
def letters(tmp_path):
    """Ten capitals of each class, every image another one; there is no test split."""
    number = np.arange(260)
    bits = (number[:, None] >> np.arange(320) % 9) & 1
    bits[:, 300:] = 1
    np.savez(tmp_path / "letters.npz", images=bits, labels=1 + number % 26)
    return DatasetConfig("alpha_letters", npz=str(tmp_path / "letters.npz"), validation_per_class=1)


def seen(*datasets):
    """The images of each dataset, as a set of bytes."""
    return [{image.tobytes() for image in dataset.images} for dataset in datasets]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_share_to_test_on_is_kept_from_training(letters, share):
    config = dataclasses.replace(letters, test_share=share)
    train, validation = portions.training(config, seed=3)
    parts = seen(train, validation, portions.test(config, seed=3))
    assert sum(map(len, parts)) == len(set.union(*parts)) == 260
    assert len(parts[2]) == 26 * round(10 * share)
    assert len(parts[1]) == 26
    other = seen(portions.test(config, seed=4))[0]
    assert other != parts[2]


def test_a_limit_leaves_the_test_examples_as_they_are(letters):
    config = dataclasses.replace(letters, test_share=0.2)
    limited = dataclasses.replace(config, limit=182)
    (whole, few, tested) = seen(
        portions.everything(config, 0), portions.everything(limited, 0), portions.test(limited, 0)
    )
    assert len(few) == 182
    assert few < whole
    assert seen(portions.test(config, 0)) == [tested]


def test_without_validation_all_is_learned_from(letters):
    config = dataclasses.replace(letters, validation_per_class=0)
    train, validation = portions.training(config, seed=0)
    assert (len(train.labels), len(validation.labels)) == (260, 0)
    assert validation.images.shape == (0, 20, 16)


def test_letters_come_on_emnist_s_canvas_if_asked(letters):
    config = dataclasses.replace(letters, resize="bilinear")
    images = portions.unseen(config).images
    assert images.shape == (260, 28, 28)
    assert not images[:, :2].any()
    assert not images[:, -2:].any()


def test_it_is_said_when_there_would_be_nothing_to_test_on(letters):
    with pytest.raises(UserError, match=r"alpha_letters has no test split .*test_share=0\.2"):
        portions.check_test(letters)
    portions.check_test(dataclasses.replace(letters, test_share=0.2))
    with pytest.raises(UserError, match=r"mnist has a test split of its own; set it to 0"):
        portions.check_test(DatasetConfig("mnist", test_share=0.2))


def test_settings_can_be_chosen_without_a_look_at_the_test_split(monkeypatch):
    config = DatasetConfig("sketch_letters", size=260, validation_per_class=1, test_on="validation")
    read = []
    load = data.load
    monkeypatch.setattr(data, "load", lambda c, split: read.append(split) or load(c, split))
    portions.check_test(config)
    _, validation = portions.training(config, seed=2)
    tested = portions.test(config, seed=2)
    np.testing.assert_array_equal(tested.images, validation.images)
    np.testing.assert_array_equal(tested.labels, validation.labels)
    assert portions.note(config) == "generated data, tested on the validation examples"
    assert set(read) == {"train"}


def test_examples_are_counted_without_being_read(letters):
    for config in (letters, DatasetConfig("sketch_letters", size=260)):
        for split in data.split_names(config):
            assert data.count(config, split) == len(data.load(config, split).labels)

"""What is learned from, chosen by and tested on never overlaps, and is all there is."""

import dataclasses

import numpy as np
import pytest

from jaxletters import manifest
from jaxletters.config import Config
from jaxletters.sources import Arrays, Mnist, SketchLetters, Split
from jaxletters.data import Part, Splits, portions
from jaxletters.errors import UserError


@pytest.fixture
def letters(tmp_path):
    """Ten capitals of each class, every image another one; there is no test split."""
    number = np.arange(260)
    bits = (number[:, None] >> np.arange(320) % 9) & 1
    bits[:, 300:] = 1
    np.savez(tmp_path / "letters.npz", images=bits, labels=1 + number % 26)
    return Arrays(str(tmp_path / "letters.npz")) # SPLIT Split(validation_per_class=1)


def images(config, choose, seed=0):
    """The images of each part that a function of `portions` chooses, as a set of bytes."""
    source = Splits(config)
    parts = choose(source, seed)
    parts = parts if isinstance(parts, tuple) and not isinstance(parts, Part) else (parts,)
    return [{image.tobytes() for image in source.take(part).images} for part in parts]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_share_to_test_on_is_kept_from_training(letters, share):
    config = dataclasses.replace(letters, test_share=share)
    parts = [*images(config, portions.training, seed=3), *images(config, portions.test, seed=3)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 260
    assert len(parts[2]) == 26 * round(10 * share)
    assert len(parts[1]) == 26
    assert images(config, portions.test, seed=4) != [parts[2]]


def test_a_limit_leaves_the_test_examples_as_they_are(letters):
    config = dataclasses.replace(letters, test_share=0.2)
    limited = dataclasses.replace(config, limit=182)
    (whole,) = images(config, portions.everything)
    (few,) = images(limited, portions.everything)
    assert len(few) == 182
    assert few < whole
    assert images(config, portions.test) == images(limited, portions.test)


def test_without_validation_all_is_learned_from(letters):
    config = dataclasses.replace(letters, validation_per_class=0)
    source = Splits(config)
    train, validation = map(source.take, portions.training(source, seed=0))
    assert (len(train.labels), len(validation.labels)) == (260, 0)
    assert validation.images.shape == (0, 20, 16)


def test_letters_come_on_emnist_s_canvas_if_asked(letters):
    config = dataclasses.replace(letters, resize="bilinear")
    source = Splits(config)
    images = source.take(portions.unseen(source)).images
    assert images.shape == (260, 28, 28)
    assert not images[:, :2].any()
    assert not images[:, -2:].any()


def test_it_is_said_when_there_would_be_nothing_to_test_on(letters):
    with pytest.raises(UserError, match=r"alpha_letters has no test split .*test_share=0\.2"):
        portions.check_test(letters)
    portions.check_test(dataclasses.replace(letters, test_share=0.2))
    with pytest.raises(UserError, match=r"mnist has a test split of its own; set it to 0"):
        portions.check_test(Mnist() # SPLIT Split(test_share=0.2))


def test_settings_can_be_chosen_without_a_look_at_the_test_split():
    config = SketchLetters(size=260) # SPLIT Split(validation_per_class=1, test_on="validation")
    source = Splits(config)
    portions.check_test(config)
    _, validation = portions.training(source, seed=2)
    tested = portions.test(source, seed=2)
    assert tested.split == validation.split == "train"
    np.testing.assert_array_equal(tested.indices, validation.indices)
    about = manifest.describe_data(
        source, manifest.splits_used(Config(dataset=config), source.names)
    )
    assert about["note"] == "generated data, tested on the validation examples"
    assert set(about["splits"]) == set(source._raw) == {"train"}

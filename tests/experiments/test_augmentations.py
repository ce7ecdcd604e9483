import messages
import pytest

from jaxletters.config.augmentation import (
    AugmentConfig,
    EntryStrokes,
    NonCharacters,
    NonLetters,
    Sometimes,
)
from jaxletters.config.builtin_sources import BUILTIN
from jaxletters.config.schema import Config
from jaxletters.config.slots import DatasetInfo
from jaxletters.core.errors import UserError
from jaxletters.experiments import augmentations

LETTERS = BUILTIN["emnist_letters"].info()
DIGITS = BUILTIN["mnist"].info()
BOTH = LETTERS._replace(class_names=("N/A", *DIGITS.class_names, *LETTERS.class_names[1:]))
COLOUR = DatasetInfo(("train",), ("a", "b"), (8, 8, 3))


@pytest.mark.parametrize(
    ("augment", "label"),
    [
        (AugmentConfig(), None),
        (NonLetters(), 0),
        ((AugmentConfig(), NonCharacters()), 0),
        ((), None),
    ],
)
def test_the_label_of_non_letters_is_that_of_the_part_that_makes_them(augment, label):
    assert augmentations.non_letter(Config(augment=augment)) == label


@pytest.mark.parametrize(
    ("augment", "info"),
    [
        ((NonLetters(), EntryStrokes()), LETTERS),
        (NonCharacters(), BOTH),
        (AugmentConfig(shift=1), COLOUR),
    ],
)
def test_what_fits_the_classes_is_accepted(augment, info):
    augmentations.check(Config(augment=augment), info)


@pytest.mark.parametrize(
    ("augment", "info", "named"),
    [
        (NonLetters(), DIGITS, ("config.augment", "NonLetters", "10")),
        (NonLetters(), BOTH, ("config.augment", "NonLetters", "37")),
        (NonCharacters(), LETTERS, ("config.augment", "NonCharacters", "11")),
        ((EntryStrokes(),), BOTH, ("config.augment", "EntryStrokes")),
        (AugmentConfig(stroke=0.1), COLOUR, ("config.augment.stroke", "0.1")),
        (Sometimes(AugmentConfig(stroke=0.1)), COLOUR, ("config.augment.stroke", "0.1")),
    ],
)
def test_what_does_not_fit_is_one_line(augment, info, named):
    with pytest.raises(UserError) as caught:
        augmentations.check(Config(augment=augment), info)
    (line,) = str(caught.value).splitlines()
    messages.assert_names(line, *named)

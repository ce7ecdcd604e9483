"""TFDS builders that need no TensorFlow, and what is known of their data without importing TFDS."""

import string
from typing import NamedTuple


class Spec(NamedTuple):
    """What can be said of a dataset before any of its files is touched.

    Attributes:
        builder: where its builder is, "module:class".
        class_names: one name per label.
        labels: the labels that may occur.
        image_shape: (height, width) in pixels.
        splits: the names of its splits.
    """

    builder: str
    class_names: tuple[str, ...]
    labels: range
    image_shape: tuple[int, int]
    splits: tuple[str, ...] = ("train", "test")


# EMNIST's numbering: 0 is unused.
_LETTERS = ("N/A", *string.ascii_uppercase)

EMNIST_LETTERS = Spec(
    "jaxletters.data.builders.emnist_letters:EmnistLetters", _LETTERS, range(1, 27), (28, 28)
)
MNIST = Spec("jaxletters.data.builders.mnist:Mnist", tuple(string.digits), range(10), (28, 28))
ALPHA_LETTERS = Spec(
    "jaxletters.data.builders.alpha_letters:AlphaLetters",
    _LETTERS,
    range(1, 27),
    (20, 16),
    splits=("train",),
)
SKETCH_LETTERS = Spec(
    "jaxletters.data.builders.sketch_letters:SketchLetters", _LETTERS, range(1, 27), (28, 28)
)

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
        fit: how a picture becomes such an image: one of `parts.FITS`.
    """

    builder: str
    class_names: tuple[str, ...]
    labels: range
    image_shape: tuple[int, int] = (28, 28)
    splits: tuple[str, ...] = ("train", "test")
    fit: str = "emnist"


# EMNIST's numbering: 0 is unused.
LETTERS = ("N/A", *string.ascii_uppercase)
# In the order of NIST's mapping files. Lower case letters that look like upper case ones are merged.
BY_CLASS = (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase)
MERGED = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")


def _emnist(subset: str, names: tuple[str, ...], first: int = 0) -> Spec:
    builder = f"jaxletters.data.builders.emnist:{subset.upper()}"
    return Spec(builder, names, range(first, len(names)))


_DIGITS = tuple(string.digits)
SPECS = {
    "emnist_letters": _emnist("letters", LETTERS, 1),
    "emnist_balanced": _emnist("balanced", MERGED),
    "emnist_byclass": _emnist("byclass", BY_CLASS),
    "emnist_bymerge": _emnist("bymerge", MERGED),
    "emnist_digits": _emnist("digits", _DIGITS),
    "emnist_mnist": _emnist("mnist", _DIGITS),
    "mnist": Spec("jaxletters.data.builders.mnist:Mnist", _DIGITS, range(10), fit="mnist"),
    "alpha_letters": Spec(
        "jaxletters.data.builders.alpha_letters:AlphaLetters",
        LETTERS,
        range(1, 27),
        (20, 16),
        splits=("train",),
    ),
    "sketch_letters": Spec(
        "jaxletters.data.builders.sketch_letters:SketchLetters", LETTERS, range(1, 27)
    ),
}

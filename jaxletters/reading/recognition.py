"""From a picture to text: its characters are found, brought to the images of a classifier, and classified."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.data import resize
from jaxletters.reading import letter_image, segmentation
from jaxletters.reading.classifier import Classifier, Predictions
from jaxletters.reading.segmentation import Letter

_GUESSES = 5


class Guess(TypedDict):
    """A class and its probability."""

    letter: str
    probability: float


class LetterJson(TypedDict):
    """A letter as JSON: its box, (left, top, right, bottom), and its most probable classes, best first."""

    box: Sequence[int]
    best: list[Guess]


class ReadingJson(TypedDict):
    """A reading as JSON."""

    image: str
    text: str
    letters: list[LetterJson]


class Reading(NamedTuple):
    """The letters of a picture, from left to right.

    Attributes:
        name: of the picture.
        letters: their boxes, and the images that the classifier gets of them.
        predictions: for these images.
    """

    name: str
    letters: list[Letter]
    predictions: Predictions

    @property
    def text(self) -> str:
        """The most probable letters in a row."""
        return "".join(self.predictions.names)

    def as_dict(self) -> ReadingJson:
        """Returns the reading for JSON, each letter with its five most probable classes."""
        best = self.predictions.best(_GUESSES)
        return {
            "image": self.name,
            "text": self.text,
            "letters": [
                {
                    "box": list(letter.box),
                    "best": [{"letter": name, "probability": p} for name, p in guesses],
                }
                for letter, guesses in zip(self.letters, best, strict=True)
            ],
        }


def is_handwriting(classifier: Classifier) -> bool:
    """Returns whether a classifier takes single characters, ink on paper, on EMNIST's or MNIST's canvas."""
    return classifier.fit in letter_image.CANVASES and len(classifier.image_shape) == 2


def find_letters(classifier: Classifier, picture: NDArray[np.uint8]) -> list[Letter]:
    """Returns the images that a classifier gets of a picture, with their boxes.

    Args:
        classifier: decides what is looked for, and the shape of the images.
        picture: uint8 `[h, w, 3]`.

    Returns:
        the characters, perhaps none, for a classifier of handwriting; else the whole picture.
    """
    if is_handwriting(classifier):
        return [
            Letter(box, resize.fit(image, classifier.image_shape, 1, "stretch"))
            for box, image in segmentation.segment(picture, classifier.fit)
        ]
    size, channels = classifier.image_shape[:2], 3 if classifier.image_shape[2:] else 1
    if channels == 1:
        picture = resize.grey(picture)
    image = resize.fit(~picture if classifier.inverted else picture, size, channels, classifier.fit)
    return [Letter((0, 0, picture.shape[1], picture.shape[0]), image)]


def read(classifier: Classifier, picture: NDArray[np.uint8], name: str) -> Reading:
    """Returns the text of a picture of handwriting, one character or several in a row, else its class.

    Args:
        classifier: the trained network.
        picture: uint8 `[h, w, 3]`.
        name: of the picture, for the reading and for errors.

    Raises:
        UserError: there are no letters, or the array is not a picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UserError(
            f"{name}: expected a picture as uint8 [h, w, 3], 0 to 255, found {picture.dtype} "
            f"{list(picture.shape)}; convert it, or name its file"
        )
    letters = find_letters(classifier, picture)
    if not letters:
        raise UserError(
            f"{name}: expected letters that differ clearly from their paper, found no letters; take the "
            "picture nearer, or in more light"
        )
    predictions = classifier.predict(np.stack([letter.image for letter in letters]))
    return Reading(name, letters, predictions)

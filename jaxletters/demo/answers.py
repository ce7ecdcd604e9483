"""The server's answer to a picture."""

import base64
import io
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxletters.data import images
from jaxletters.reading import recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.recognition import LetterJson, Reading


class SeenLetter(LetterJson):
    """A letter and the network's input for it, white ink on black, as the data URL of a PNG."""

    seen: str


class Answer(TypedDict):
    """The text of a picture and its letters."""

    text: str
    letters: list[SeenLetter]


def answer(classifier: Classifier, picture: bytes) -> Answer:
    """Returns the text in a picture; an empty picture is no error.

    Args:
        classifier: reads handwriting; it is called once for all letters.
        picture: the bytes of a picture file.

    Raises:
        UserError: the bytes are no picture, or it has too many pixels.
    """
    letters = recognition.find_letters(classifier, images.decode(picture, "picture"))
    inputs = np.array([letter.image for letter in letters], np.uint8)
    predictions = classifier.predict(inputs.reshape(-1, *classifier.image_shape))
    reading = Reading("picture", letters, predictions).as_dict()
    seen_letters: list[SeenLetter] = [
        {**letter, "seen": _data_url(image)}
        for letter, image in zip(reading["letters"], inputs, strict=True)
    ]
    return {"text": reading["text"], "letters": seen_letters}


def _data_url(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

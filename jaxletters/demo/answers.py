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
from jaxletters.reading.recognition import Character, CharacterJson, UnreadJson


class SeenCharacter(CharacterJson):
    """A character, and what the network saw of it.

    Attributes:
        seen: the network's input, white ink on black, as the data URL of a PNG.
        cut: whether it was cut from a stroke with others.
    """

    seen: str
    cut: bool


class Answer(TypedDict):
    """The text of a picture: its lines of words of characters, and the ink that was not read."""

    text: str
    lines: list[list[list[SeenCharacter]]]
    not_read: list[UnreadJson]


def answer(classifier: Classifier, picture: bytes) -> Answer:
    """Returns the text in a picture; an empty picture is no error.

    Args:
        classifier: reads handwriting.
        picture: the bytes of a picture file.

    Raises:
        UserError: the bytes are no picture, or it has too many pixels.
    """
    reading = recognition.find(classifier, images.decode(picture, "picture"), "picture")
    found = reading.as_dict()
    lines = [
        [
            [_seen(character, values) for character, values in zip(*word, strict=True)]
            for word in zip(*line, strict=True)
        ]
        for line in zip(reading.lines, found["lines"], strict=True)
    ]
    return {"text": found["text"], "lines": lines, "not_read": found["not_read"]}


def _seen(character: Character, values: CharacterJson) -> SeenCharacter:
    return {**values, "seen": _data_url(character.image), "cut": character.is_cut}


def _data_url(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

"""What the page gets for a picture."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxletters.data import images
from jaxletters.reading import recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.recognition import Reading


def answer(classifier: Classifier, picture: bytes) -> dict[str, Any]:
    """Returns what is written in a picture, ready for JSON; that nothing is written yet is no error here.

    Args:
        classifier: takes handwriting; it is called once for all letters.
        picture: the bytes of a picture file.

    Returns:
        its "text" and its "letters" as `Reading.as_dict` has them; each letter also with what was "seen" of
        it, ink white on black, as the URL of a PNG.

    Raises:
        UserError: the bytes are no picture, or one of too many pixels.
    """
    letters = recognition.find_letters(classifier, images.decode(picture, "picture"))
    seen = np.array([letter.image for letter in letters], np.uint8)
    predictions = classifier.predict(seen.reshape(-1, *classifier.image_shape))
    found = Reading("picture", letters, predictions).as_dict()
    shown = [
        {**read, "seen": _url(image)} for read, image in zip(found["letters"], seen, strict=True)
    ]
    return {"text": found["text"], "letters": shown}


def _url(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

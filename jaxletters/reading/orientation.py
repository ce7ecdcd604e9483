"""Pages that are sideways or upside down."""

import numpy as np
from numpy.typing import NDArray

from jaxletters.reading import page
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.letter_image import Floats
from jaxletters.reading.page import Page

# A page that is read with less confidence than this may be on its side or upside down. It is turned if
# that makes the confidence this much higher, and high enough: many letters look like others
# upside down.
_CERTAIN, _MIN_GAIN, _MIN_TURNED = 0.9, 0.1, 0.85
# Many characters are not read so well upside down by chance; turning such a page takes seconds.
_MANY, _CERTAIN_OF_MANY = 30, 0.85
# Fewer characters look right upside down too often: N and Z, M and W, H, O.
_MIN_CHARACTERS = 4


def read(classifier: Classifier, ink: Floats) -> Page | None:
    """Returns the characters of a page, turned by 90, 180 or 270 degrees if it is read better then.

    A network that does not know what is not a letter turns nothing: letters look like others sideways.
    """
    found = page.read(classifier, ink)
    if found is None or len(found.characters) < _MIN_CHARACTERS or classifier.non_letter is None:
        return found
    best, confidence = found, _confidence(found)
    if confidence >= (_CERTAIN_OF_MANY if len(found.characters) >= _MANY else _CERTAIN):
        return found
    for quarters in (1, 2, 3):
        turned = page.read(classifier, np.rot90(ink, quarters))
        if turned is None or len(turned.characters) < _MIN_CHARACTERS:
            continue
        least = max(confidence + (_MIN_GAIN if best is found else 0), _MIN_TURNED)
        if (other := _confidence(turned)) > least:
            back = _quarter_turns(quarters, ink.shape) @ turned.transform
            best, confidence = turned._replace(transform=back), other
    return best


def _confidence(found: Page) -> float:
    """Returns the mean probability that the characters of a page are right."""
    letters = found.predictions.probabilities.max(1) * found.predictions.is_letter
    return float(np.mean([letters[seen.row] * seen.on_path for seen in found.characters]))


def _quarter_turns(quarters: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the transformation from the pixels of `np.rot90(array, quarters)` to those of the array."""
    height, width = shape
    return np.array(
        {
            1: [[0, -1, width], [1, 0, 0], [0, 0, 1]],
            2: [[-1, 0, width], [0, -1, height], [0, 0, 1]],
            3: [[0, 1, 0], [-1, 0, height], [0, 0, 1]],
        }[quarters],
        np.float64,
    )

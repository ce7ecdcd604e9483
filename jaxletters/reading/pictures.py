"""What is written in a picture, and a picture of how it was read."""

import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jaxletters.core.errors import UserError
from jaxletters.data import resize
from jaxletters.reading import segmentation
from jaxletters.reading.classifier import Classifier, Predictions
from jaxletters.reading.segmentation import Letter

_GUESSES = 5
# Of an annotated picture, in pixels: its width, that of a letter as the network saw it, with what was read.
_WIDTH, _SEEN, _GAP = 800, 84, 12
_CARD = (_SEEN + _GAP, _SEEN + 64)
_BLUE, _GREY = "#0072B2", "#555555"
# Of the best and the second best guess: the size of its letters, how far below the image, and its colour.
_LINES = ((22, 2, _BLUE), (14, 32, _GREY))


class Reading(NamedTuple):
    """The letters of a picture, from left to right.

    Attributes:
        name: of the picture.
        letters: where they are, and what the network saw of each.
        predictions: what it makes of them.
    """

    name: str
    letters: list[Letter]
    predictions: Predictions

    @property
    def text(self) -> str:
        """The most probable letters in a row."""
        return "".join(self.predictions.names)

    def as_dict(self) -> dict[str, Any]:
        """Returns the reading for JSON, each letter with its five most probable classes."""
        return {
            "image": self.name,
            "text": self.text,
            "letters": [
                {
                    "box": list(letter.box),
                    "best": [{"letter": n, "probability": p} for n, p in guesses],
                }
                for letter, guesses in zip(
                    self.letters, self.predictions.best(_GUESSES), strict=True
                )
            ],
        }


def is_handwriting(classifier: Classifier) -> bool:
    """Returns whether a network reads single characters, ink on paper, on EMNIST's or MNIST's canvas."""
    return classifier.fit in segmentation.CANVASES and len(classifier.image_shape) == 2


def letters(classifier: Classifier, picture: NDArray[np.uint8]) -> list[Letter]:
    """Returns the characters of a picture, or the picture, as a network sees them.

    Args:
        classifier: a trained network.
        picture: uint8 `[h, w, 3]`.

    Returns:
        of handwriting the characters found, perhaps none; else the whole picture.
    """
    if is_handwriting(classifier):
        return [
            Letter(box, resize.fit(image, classifier.image_shape, 1, "stretch"))
            for box, image in segmentation.letters(picture, classifier.fit)
        ]
    size, channels = classifier.image_shape[:2], 3 if classifier.image_shape[2:] else 1
    if channels == 1:
        picture = resize.grey(picture)
    image = resize.fit(~picture if classifier.inverted else picture, size, channels, classifier.fit)
    return [Letter((0, 0, picture.shape[1], picture.shape[0]), image)]


def read(classifier: Classifier, picture: NDArray[np.uint8], name: str) -> Reading:
    """Returns what is in a picture: of handwriting one character or several in a row, else its class.

    Args:
        classifier: a trained network.
        picture: uint8 `[h, w, 3]`.
        name: what the reading, and an error, calls it.

    Raises:
        UserError: nothing is written, or the array is no picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UserError(
            f"{name}: expected a picture as uint8 [h, w, 3], 0 to 255, found {picture.dtype} "
            f"{list(picture.shape)}; convert it, or name its file"
        )
    found = letters(classifier, picture)
    if not found:
        raise UserError(
            f"{name}: expected letters that differ clearly from their paper, found none; take the picture "
            "nearer, or in more light"
        )
    return Reading(name, found, classifier.predict(np.stack([letter.image for letter in found])))


def annotated(picture: NDArray[np.uint8], found: Reading) -> bytes:
    """Returns a PNG of a picture with a box round each letter; below, what the network saw and read."""
    boxed = _boxed(picture, found.letters)
    names = found.predictions.class_names
    cards = [
        _card(letter, [(names.index(name), share) for name, share in guesses], names)
        for letter, guesses in zip(found.letters, found.predictions.best(2), strict=True)
    ]
    columns = _WIDTH // _CARD[0]
    rows = -(-len(cards) // columns)
    page = Image.new("RGB", (_WIDTH, boxed.height + _GAP + rows * _CARD[1]), "white")
    page.paste(boxed, (0, 0))
    for i, card in enumerate(cards):
        row, column = divmod(i, columns)
        page.paste(card, (column * _CARD[0], boxed.height + _GAP + row * _CARD[1]))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _boxed(picture: NDArray[np.uint8], letters: list[Letter]) -> Image.Image:
    scale = _WIDTH / picture.shape[1]
    shown = Image.fromarray(picture).resize((_WIDTH, max(round(picture.shape[0] * scale), 1)))
    draw = ImageDraw.Draw(shown)
    for letter in letters:
        left, top, right, bottom = (scale * edge for edge in letter.box)
        draw.rectangle((left - 5, top - 5, right + 5, bottom + 5), outline=_BLUE, width=3)
    return shown


def _card(letter: Letter, guesses: list[tuple[int, float]], names: tuple[str, ...]) -> Image.Image:
    card = Image.new("RGB", _CARD, "white")
    seen = Image.fromarray(letter.image).resize((_SEEN, _SEEN), Image.Resampling.NEAREST)
    card.paste(seen, (_GAP // 2, 0))
    draw = ImageDraw.Draw(card)
    for (label, share), (size, below, colour) in zip(guesses, _LINES, strict=False):
        text = f"{_shown(names, label)} {share:.0%}"
        font = _font(text, size)
        # What is too long for the card is set smaller.
        if (width := font.getlength(text)) > _SEEN:
            font = _font(text, int(size * _SEEN / width))
        draw.text((_GAP // 2, _SEEN + below), text, fill=colour, font=font)
    return card


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if text.isascii():
        return ImageFont.load_default(size)
    from jaxletters.report import style

    return ImageFont.truetype(style.font_of(text), size)


def _shown(names: tuple[str, ...], label: int) -> str:
    if len(names[label]) == 1 and names[label].isascii():
        return names[label]
    # Matplotlib, which knows the system's fonts, takes half a second to import.
    from jaxletters.report import style

    return style.class_name(names, label)

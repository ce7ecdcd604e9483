"""Reads pictures for the benchmark of pages, and draws what was read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxletters.core.errors import UserError
from jaxletters.reading import recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.recognition import Reading

# From a picture, uint8 [h, w, 3], its name, and what is written to its reading, None if nothing was found.
Read = Callable[[np.ndarray, str, str], Reading | None]


def reader(classifier: Classifier, folder: Path | None) -> Read:
    """Returns a function that reads a picture and keeps its drawing in a folder, if there is one."""

    def read(picture: np.ndarray, name: str, written: str) -> Reading | None:
        try:
            reading = recognition.read(classifier, picture, name)
        except UserError:
            reading = None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            drawn(picture, reading, written).save(folder / f"{name}.png")
        return reading

    return read


def drawn(picture: np.ndarray, reading: Reading | None, written: str) -> Image.Image:
    """Returns a picture with the boxes of what was read, then what is written, then what was read.

    A refused character is orange, one with a low confidence is violet, and what was not read is red.
    """
    height, width = picture.shape[:2]
    size = max(min(height, width) // 24, 14)
    text = written.split("\n"), (reading.text if reading else "nothing").split("\n")
    rows = max(map(len, text))
    page = Image.new("RGB", (width, height + int(1.3 * size * rows) + size), "white")
    page.paste(Image.fromarray(picture))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    small = ImageFont.load_default(max(size // 2, 12))
    for column, lines in enumerate(text):
        for i, line in enumerate(lines):
            place = (column * width // 2 + 5, height + int(1.3 * size * i))
            draw.text(place, line, fill="blue" if column else "black", font=font)
    if reading:
        for character in reading.characters:
            sure = "green" if character.confidence > 0.5 else "violet"
            draw.rectangle(character.box, outline="orange" if character.reason else sure, width=2)
            label = f"{character.name} {character.confidence:.0%}"
            draw.text(character.box[:2], label, fill="blue", font=small, anchor="lb")
        for unread in reading.not_read:
            draw.rectangle(unread.box, outline="red", width=2)
    return page

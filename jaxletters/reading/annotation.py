"""A picture of a reading: boxes round the letters, and below them what the classifier saw and predicted."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jaxletters.reading.recognition import Reading
from jaxletters.reading.segmentation import Letter

# In pixels: the width of the page, the side of a letter as the classifier saw it, and the gaps.
_WIDTH, _SIDE, _GAP = 800, 84, 12
_CARD_SIZE = (_SIDE + _GAP, _SIDE + 64)
_BLUE, _GREY = "#0072B2", "#555555"
# Of the best and the second best guess: font size, distance below the image, and colour.
_LINES = ((22, 2, _BLUE), (14, 32, _GREY))


def annotate(picture: NDArray[np.uint8], reading: Reading) -> bytes:
    """Returns a PNG of a picture with a box round each letter; below, what the classifier saw and read."""
    boxed = _draw_boxes(picture, reading.letters)
    names = reading.predictions.class_names
    cards = [
        _draw_card(letter, [(names.index(name), share) for name, share in guesses], names)
        for letter, guesses in zip(reading.letters, reading.predictions.best(2), strict=True)
    ]
    columns = _WIDTH // _CARD_SIZE[0]
    rows = -(-len(cards) // columns)
    page = Image.new("RGB", (_WIDTH, boxed.height + _GAP + rows * _CARD_SIZE[1]), "white")
    page.paste(boxed, (0, 0))
    for i, card in enumerate(cards):
        row, column = divmod(i, columns)
        page.paste(card, (column * _CARD_SIZE[0], boxed.height + _GAP + row * _CARD_SIZE[1]))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _draw_boxes(picture: NDArray[np.uint8], letters: Sequence[Letter]) -> Image.Image:
    scale = _WIDTH / picture.shape[1]
    image = Image.fromarray(picture).resize((_WIDTH, max(round(picture.shape[0] * scale), 1)))
    draw = ImageDraw.Draw(image)
    for letter in letters:
        left, top, right, bottom = (scale * edge for edge in letter.box)
        draw.rectangle((left - 5, top - 5, right + 5, bottom + 5), outline=_BLUE, width=3)
    return image


def _draw_card(
    letter: Letter, guesses: Sequence[tuple[int, float]], names: Sequence[str]
) -> Image.Image:
    card = Image.new("RGB", _CARD_SIZE, "white")
    image = Image.fromarray(letter.image).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    card.paste(image, (_GAP // 2, 0))
    draw = ImageDraw.Draw(card)
    for (label, share), (size, below, colour) in zip(guesses, _LINES, strict=False):
        text = f"{_class_name(names, label)} {share:.0%}"
        font = _font(text, size)
        if (width := font.getlength(text)) > _SIDE:
            font = _font(text, int(size * _SIDE / width))
        draw.text((_GAP // 2, _SIDE + below), text, fill=colour, font=font)
    return card


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if text.isascii():
        return ImageFont.load_default(size)
    # Imports Matplotlib, which knows the system's fonts and takes half a second.
    from jaxletters.report import style

    return ImageFont.truetype(style.font_of(text), size)


def _class_name(names: Sequence[str], label: int) -> str:
    if len(names[label]) == 1 and names[label].isascii():
        return names[label]
    from jaxletters.report import style

    return style.class_name(names, label)

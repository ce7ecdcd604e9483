"""A picture of a reading: boxes round the characters, and below them what the network saw and predicted."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jaxletters.reading.recognition import Character, Line, Reading
from jaxletters.reading.strokes import Box

# In pixels: the width of the page, within which a picture is enlarged or reduced, and the gaps.
_MIN_WIDTH, _MAX_WIDTH, _GAP = 800, 1600, 12
# The side of a character as the network saw it, and the size of its card.
_SIDE = 84
_CARD_SIZE = (_SIDE + _GAP, _SIDE + 64)
_HEADING_HEIGHT = 40
_BLUE, _ORANGE, _GREY, _LIGHT_GREY = "#0072B2", "#D55E00", "#555555", "#999999"
# Of the two lines of text below an image: font size, distance from the image.
_LINES = ((22, 2), (14, 32))
# A second guess of less than this would be shown as 0%.
_MIN_SHOWN = 0.005


def annotate(picture: NDArray[np.uint8], reading: Reading) -> bytes:
    """Returns a PNG of a picture with a box round each character; below, what the network saw and read.

    The boxes are blue, orange for a character that is "?", and grey for ink that was not read. A heading
    stands before the cards of each line; words are separated by a gap.
    """
    width = min(max(picture.shape[1], _MIN_WIDTH), _MAX_WIDTH)
    boxed = _draw_boxes(picture, reading, width)
    sections = [_draw_line(reading, line, i, width) for i, line in enumerate(reading.lines, 1)]
    height = boxed.height + _GAP + sum(section.height for section in sections)
    page = Image.new("RGB", (width, height), "white")
    page.paste(boxed, (0, 0))
    top = boxed.height + _GAP
    for section in sections:
        page.paste(section, (0, top))
        top += section.height
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _draw_boxes(picture: NDArray[np.uint8], reading: Reading, width: int) -> Image.Image:
    scale = width / picture.shape[1]
    image = Image.fromarray(picture).resize((width, max(round(picture.shape[0] * scale), 1)))
    draw = ImageDraw.Draw(image)
    for box, _ in reading.not_read:
        _draw_box(draw, box, scale, _LIGHT_GREY)
    for character in reading.characters:
        _draw_box(draw, character.box, scale, _colour(character))
    return image


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, scale: float, colour: str) -> None:
    left, top, right, bottom = (scale * edge for edge in box)
    # The boxes of small characters must not cover their neighbours.
    thick = 3 if bottom - top > 2 * _GAP else 1
    margin = 2 * thick - 1
    edges = (left - margin, top - margin, right + margin, bottom + margin)
    draw.rectangle(edges, outline=colour, width=thick)


def _colour(character: Character) -> str:
    return _ORANGE if character.reason else _BLUE


def _draw_line(reading: Reading, line: Line, number: int, width: int) -> Image.Image:
    """Returns the heading of a line, and below it its cards in rows."""
    places = _places(line, width)
    section = Image.new("RGB", (width, places[-1][1] + _CARD_SIZE[1]), "white")
    text = " ".join("".join(character.name for character in word) for word in line)
    heading = text if len(reading.lines) == 1 else f"{number}  {text}"
    font = _fitted_font(heading, 20, width - _GAP)
    ImageDraw.Draw(section).text((_GAP // 2, 6), heading, fill=_GREY, font=font)
    for character, place in zip((c for word in line for c in word), places, strict=True):
        section.paste(_draw_card(reading, character), place)
    return section


def _places(line: Line, width: int) -> list[tuple[int, int]]:
    """Returns the top left corner of each card; a row ends between words where that is possible."""
    places: list[tuple[int, int]] = []
    left, top = 0, _HEADING_HEIGHT
    card_width, card_height = _CARD_SIZE
    for word in line:
        if left and left + len(word) * card_width > width:
            left, top = 0, top + card_height
        for _ in word:
            if left + card_width > width:
                left, top = 0, top + card_height
            places.append((left, top))
            left += card_width
        left += card_width // 3
    return places


def _draw_card(reading: Reading, character: Character) -> Image.Image:
    card = Image.new("RGB", _CARD_SIZE, "white")
    image = Image.fromarray(character.image).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    card.paste(image, (_GAP // 2, 0))
    draw = ImageDraw.Draw(card)
    colours = (_colour(character), _GREY)
    for text, (size, below), colour in zip(
        _labels(reading, character), _LINES, colours, strict=False
    ):
        draw.text(
            (_GAP // 2, _SIDE + below), text, fill=colour, font=_fitted_font(text, size, _SIDE)
        )
    return card


def _labels(reading: Reading, character: Character) -> list[str]:
    """Returns the two lines below a card: what was read, and the next best guess."""
    (first, _), *others = reading.best(character, 2)
    if character.reason:
        return [character.name, f"{_class_name(reading, first)} {character.confidence:.0%}"]
    labels = [f"{_class_name(reading, first)} {character.confidence:.0%}"]
    return labels + [
        f"{_class_name(reading, name)} {p:.0%}" for name, p in others if p >= _MIN_SHOWN
    ]


def _fitted_font(text: str, size: int, room: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns a font of a size, or of the smaller size in which the text has no more than `room` pixels."""
    font = _font(text, size)
    width = font.getlength(text)
    return font if width <= room else _font(text, max(int(size * room / width), 1))


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if text.isascii():
        return ImageFont.load_default(size)
    # Imports Matplotlib, which knows the system's fonts and takes half a second.
    from jaxletters.report import style

    return ImageFont.truetype(style.font_of(text), size)


def _class_name(reading: Reading, name: str) -> str:
    if len(name) == 1 and name.isascii():
        return name
    from jaxletters.report import style

    return style.class_name(reading.class_names, reading.class_names.index(name))

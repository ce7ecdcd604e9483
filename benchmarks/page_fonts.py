"""Notes drawn by code in fonts that look like handwriting.

They are in Debian's packages fonts-breip, fonts-bwht, fonts-dkg-handwriting, fonts-femkeklaver,
fonts-humor-sans, fonts-rufscript and fonts-sjfonts; `dpkg -x` unpacks one into a folder.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from page_generator import WORDS, Lines
from PIL import Image, ImageDraw, ImageFont

from jaxletters.core.errors import UserError

FONTS = (
    *("Breip", "dkg", "femkeklaver", "Humor-Sans", "Rufscript010"),
    *("BecauseWeConnect-Regular", "BecauseWeCreate-Regular", "BecauseWeLearn-Regular"),
    "BecauseWeOrganize-Regular",
)
# Letters of these fonts run into each other.
JOINED = ("Delphine", "SteveHand")
# Every letter is in one of them.
SINGLE = (
    *("quick", "jolly", "zebra", "fox", "village", "happy", "moon", "with", "dream", "black"),
    *("number", "jim", "south", "jacket", "city"),
)


class Note(NamedTuple):
    """A note: its font, its picture, uint8 `[h, w, 3]`, and the words of its lines."""

    font: str
    picture: np.ndarray
    lines: Lines


def find(folder: Path, name: str) -> Path:
    """Returns the file of a font anywhere in a folder.

    Raises:
        UserError: it is not there.
    """
    for file in sorted(folder.rglob(f"{name}.?tf")):
        return file
    raise UserError(
        f"{folder}: expected the font {name}, found none of this name; unpack the packages that "
        "benchmarks/page_fonts.py names"
    )


def words(folder: Path, name: str) -> list[Note]:
    """Returns the words of `SINGLE` in lower case, then in upper case."""
    cased = [*SINGLE, *(word.upper() for word in SINGLE)]
    return [_note(folder, name, ((word,),), 64, 1) for word in cased]


def notes(folder: Path, seed: int, count: int) -> list[Note]:
    """Returns notes of two or three lines of two to four words, in all fonts in turn."""
    rng = np.random.default_rng(seed)
    made: list[Note] = []
    for i in range(count):
        counts = rng.integers(2, 5, rng.integers(2, 4)).tolist()
        lines = tuple(tuple(map(str, rng.choice(WORDS, n))) for n in counts)
        if i // len(FONTS) % 2:
            lines = tuple(tuple(map(str.upper, words)) for words in lines)
        size, spacing = int(rng.integers(36, 80)), rng.uniform(1.1, 1.6)
        made.append(_note(folder, FONTS[i % len(FONTS)], lines, size, spacing))
    return made


def _note(folder: Path, name: str, lines: Lines, size: int, spacing: float) -> Note:
    """Returns a note whose lines are `spacing` times the height of the tallest apart."""
    font = ImageFont.truetype(str(find(folder, name)), size)
    rows = [" ".join(words) for words in lines]
    left, top, right, bottom = np.array([font.getbbox(row) for row in rows]).T
    step = spacing * (bottom.max() - top.min())
    width = right.max() - left.min() + 2 * size
    height = (len(rows) - 1) * step + bottom.max() - top.min() + 2 * size
    image = Image.new("RGB", (int(width), int(height)), "white")
    draw = ImageDraw.Draw(image)
    for i, row in enumerate(rows):
        draw.text((size - left.min(), size - top.min() + i * step), row, fill="black", font=font)
    return Note(name, np.asarray(image), lines)

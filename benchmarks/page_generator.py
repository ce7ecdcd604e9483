"""Pages written with genuine letters: the letters of a dataset, set as words and lines on paper.

`generate(pool, seed, kind)` is a pure function. `KINDS` lists the kinds of pages.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from page_glyphs import Pool, glyph
from page_paper import Letter, photograph

# With a third of neighbouring letters touching; with the letters of a word joined by a stroke; on paper
# with rules, with a grid, with a margin line; a sheet in perspective on a desk; under a shadow; chalk on a
# board; pale; a colour for each word; turned by 90, 180 or 270 degrees; lines of two sizes.
KINDS = (
    *("plain", "touching", "cursive", "ruled", "grid", "margin", "desk"),
    *("shadow", "chalk", "faint", "inks", "turned", "sizes"),
)
_WIDEST = 2400  # pixels of a line of writing
# Common English words of two to nine letters, typed for this benchmark.
WORDS = tuple(Path(__file__).with_name("page_words.txt").read_text().split())

Lines = tuple[tuple[str, ...], ...]


class Page(NamedTuple):
    """A picture of a page and what is written on it.

    Attributes:
        kind: one of `KINDS`.
        picture: uint8 `[h, w, 3]`.
        lines: of words.
        boxes: float64 `[n, 4]`, left, top, right and bottom of each character in the order of the text.
    """

    kind: str
    picture: np.ndarray
    lines: Lines
    boxes: np.ndarray

    @property
    def text(self) -> str:
        """The words with spaces between them and line breaks between the lines."""
        return "\n".join(" ".join(words) for words in self.lines)


class Hand(NamedTuple):
    """How the writer of a page writes; lengths are in units of a letter's height."""

    size: float  # the height of a letter in pixels
    slant: float  # the horizontal shift of a letter's top
    gap: float  # between the ink of two letters
    space: float  # between two words
    weight: float  # the level of ink at which a stroke ends: a high one makes thin strokes
    touching: (
        float  # the share of letters put so near that they touch, unless they would overlap much
    )


def generate(pool: Pool, seed: int, kind: str) -> Page:
    """Returns a page of one to six lines of one to four words.

    Args:
        pool: the letters to write with.
        seed: of everything that is random.
        kind: one of `KINDS`.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    known = [word.upper() for word in WORDS if {*word.upper()} <= {*pool.letters}]
    counts = rng.integers(1, 5, rng.integers(1, 7)).tolist()
    lines = tuple(tuple(map(str, rng.choice(known, n))) for n in counts)
    longest = max(len(" ".join(words)) for words in lines)
    hand = Hand(
        size=min(rng.uniform(30, 90), _WIDEST / longest),
        slant=rng.uniform(-0.1, 0.15),
        gap=rng.uniform(0.08, 0.2),
        space=rng.uniform(0.55, 0.95),
        weight=rng.uniform(0.45, 0.6),
        touching=0.54 if kind == "touching" else 0,
    )
    written = _write(pool, lines, hand, kind, rng)
    picture, boxes = photograph(written, hand.size, kind, rng)
    return Page(kind, picture, lines, boxes)


def _write(
    pool: Pool, lines: Lines, hand: Hand, kind: str, rng: np.random.Generator
) -> list[list[Letter]]:
    """Returns the letters of each word of each line."""
    written: list[list[Letter]] = []
    baseline = 0.0
    for words in lines:
        size = hand.size * (rng.choice([0.6, 1]) if kind == "sizes" else 1)
        baseline += size * rng.uniform(1.5, 2.1)
        slope, bend = rng.normal(0, 0.008), rng.normal(0, 0.03)
        x = size * rng.uniform(0, 0.6)
        for word in words:
            letters: list[Letter] = []
            for name in word:
                ink = _glyph(pool, name, size, hand, rng)
                rise = slope * x + size * (bend * np.sin(x / (5 * size)) + rng.normal(0, 0.03))
                top = round(baseline + rise) - len(ink)
                left = beside(letters[-1], ink, top, size, hand, rng) if letters else round(x)
                letters.append(Letter(ink, left, top))
                x = max(x, left + ink.shape[1])
            written.append(letters)
            x += size * hand.space * rng.uniform(0.85, 1.2)
    return written


def _glyph(pool: Pool, name: str, size: float, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    image = rng.choice(pool.letters[name])
    scale = size * rng.uniform(0.85, 1.15) / pool.height
    slant = hand.slant + rng.normal(0, 0.03)
    return glyph(image, scale, slant, rng.normal(0, 0.04), hand.weight)


def beside(
    before: Letter, ink: np.ndarray, top: int, size: float, hand: Hand, rng: np.random.Generator
) -> int:
    """Returns where a letter starts so that its ink lies a gap behind the letter before, or touches it."""
    first = min(top, before.top)
    after = max(top + len(ink), before.top + len(before.ink))
    right, left = np.full(after - first, -np.inf), np.full(after - first, np.inf)
    for edges, shape, y, flipped in (
        (right, before.ink, before.top, True),
        (left, ink, top, False),
    ):
        solid = (shape[:, ::-1] if flipped else shape) > 0.5
        rows = np.flatnonzero(solid.any(1))
        column = solid[rows].argmax(1)
        edges[y - first + rows] = shape.shape[1] - column if flipped else column
    width = before.ink.shape[1]
    deepest = before.left + width - 0.12 * size  # letters that touch do not cover each other
    if rng.random() < hand.touching:
        nearest = (right - left).max() - int(rng.integers(1, 3))
        return round(max(before.left + nearest, deepest))
    # Ink a little above or below counts as beside, so that letters do not interlock.
    reach = max(round(0.2 * size), 1)
    right = np.array([right[max(i - reach, 0) : i + reach + 1].max() for i in range(len(right))])
    gap = size * hand.gap * rng.uniform(0.7, 1.4)
    return round(max(before.left + (right - left).max() + gap, deepest))

"""Writers whose letters have a distinctive style, drawn by code from the forms of `synthetic.strokes`."""

import string
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jaxletters.data.synthetic import sketch
from jaxletters.data.synthetic.strokes import LETTERS
from jaxletters.reading.letter_image import CANVASES, of_ink

Floats = NDArray[np.floating[Any]]

# Pixels along the longer side of a letter, and around it, when it is drawn.
_SIDE, _MARGIN = 160, 40
# A writer's style: how far letters lean, in x per y, the logarithm of width / height, and in lengths of a
# letter the height of the waves that bend each letter in the writer's own way.
_LEAN, _STRETCH, _WAVE_HEIGHT, _WAVES = (0.35, 0.6), 0.35, 0.085, 3
# The shares of letters that begin with a loop and that end with a tail, and their sizes.
_LOOP_SHARE, _LOOP, _TAIL_SHARE, _TAIL = 0.4, (0.1, 0.2), 0.4, (0.25, 0.5)
# How much one example of a letter differs from another.
_JITTER, _TURN, _RESTRETCH = 0.025, 0.08, 0.1
_PEN = (0.06, 0.09)


class Writer:
    """A hand: one form of each letter, bent in its own way; letters are drawn from a seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._lean = rng.choice((-1, 1)) * rng.uniform(*_LEAN)
        self._stretch = rng.uniform(-_STRETCH, _STRETCH)
        self._forms = [_form(letter, rng) for letter in string.ascii_uppercase]

    def draw(self, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Returns a letter, uint8 `[28, 28]`, 0 = paper and 255 = ink, as reading renders it.

        Args:
            label: 0 to 25 for A to Z.
            rng: for what differs between two examples.
        """
        width = np.exp(self._stretch + rng.normal(0, _RESTRETCH))
        angle = rng.normal(0, _TURN)
        lean = np.array([[width, 0], [-self._lean, 1]])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        strokes = [stroke @ lean @ turn for stroke in self._forms[label]]
        strokes = _bend(strokes, _JITTER, rng)
        return of_ink(_ink(strokes, rng.uniform(*_PEN)), CANVASES["emnist"])


def _form(letter: str, rng: np.random.Generator) -> list[Floats]:
    """Returns the writer's form of a letter: its strokes, float64 `[n, 2]` each."""
    of_letter = LETTERS[str(rng.choice((letter, letter.lower())))]
    form = str(rng.choice(of_letter.train + of_letter.test))
    strokes: list[Floats] = [stroke.astype(np.float64) for stroke in sketch.paths(form)]
    if rng.random() < _LOOP_SHARE:
        strokes[0] = np.concatenate([_loop(strokes[0], rng), strokes[0]])
    if rng.random() < _TAIL_SHARE:
        strokes[-1] = np.concatenate([strokes[-1], _tail(strokes[-1], rng)])
    return _bend(strokes, _WAVE_HEIGHT, rng)


def _loop(stroke: Floats, rng: np.random.Generator) -> Floats:
    """Returns a circle that ends where a stroke begins."""
    radius = rng.uniform(*_LOOP)
    start = rng.uniform(0, 2 * np.pi)
    angles = start + rng.choice((-1, 1)) * np.linspace(0, 2 * np.pi, 24)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return stroke[0] + circle - circle[-1]


def _tail(stroke: Floats, rng: np.random.Generator) -> Floats:
    """Returns a bow that begins where a stroke ends."""
    length = rng.uniform(*_TAIL)
    angles = rng.uniform(-0.5, 1.2) + np.linspace(0, rng.uniform(-1.5, 1.5), 16)
    steps = length / 16 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return stroke[-1] + np.cumsum(steps, axis=0)


def _bend(strokes: list[Floats], height: float, rng: np.random.Generator) -> list[Floats]:
    """Returns strokes displaced by a few random waves about a letter long."""
    frequency = rng.normal(0, 0.6, (2, _WAVES))
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    heights = rng.normal(0, height, (_WAVES, 2))
    return [stroke + np.sin(2 * np.pi * stroke @ frequency + phase) @ heights for stroke in strokes]


def _ink(strokes: list[Floats], pen: float) -> Floats:
    """Returns the ink of strokes, float32 `[h, w]` in [0, 1], cropped to the letter."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = _SIDE / (high - low).max()
    width, height = (np.ceil((high - low) * scale) + 2 * _MARGIN).astype(int)
    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    radius = pen * _SIDE / 2
    for stroke in strokes:
        pixels = (stroke - low) * scale + _MARGIN
        draw.line([(x, y) for x, y in pixels], 255, round(2 * radius), "curve")
        for x, y in pixels:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    ink: Floats = np.asarray(picture, np.float32) / 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

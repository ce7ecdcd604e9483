"""Handwriting drawn by code: letters that look written, of any number, from nothing but a seed.

A letter is the path of a pen (`strokes.LETTERS`). Each example moves the points of a path a little,
lets the strokes run past or fall short of their ends, slants, stretches, turns and bends the whole,
and inks it with a pen of varying width. The result is fitted to the image as EMNIST's letters are:
aspect ratio kept, centred, with a margin (Cohen et al. 2017, "EMNIST: an extension of MNIST to
handwritten letters", section II).
"""

import functools
import itertools
import string
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jaxletters.data.strokes import LETTERS

SIDE = 28
_CENTRE = (SIDE - 1) / 2
# Positions of the pen along one letter; 64 are at most 1.4 px apart, which a pen's width hides.
_SAMPLES = 64
# Examples drawn together; a block depends on its number alone, so a longer draw extends a shorter one.
_BLOCK = 26 * 16

# How far a writer strays, in lengths of the letter's larger side.
_JITTER = 0.02
_OVERSHOOT = (-0.02, 0.07)
_WAVES = 3
_WAVE_HEIGHT = 0.02
_WAVE_FREQUENCY = 0.8
# Standard deviation of the turn, in radians.
_TURN = 0.06
# Logarithm of the pen's drop in pixels, how much it swells, and how far its ink reaches in drops.
_PEN = (np.log(0.75), np.log(1.35))
_PRESSURE = 0.15
_REACH = 1.5
# A drop is a Gaussian, these are the shares of a line's ink where paper ends and full ink begins.
_DRY, _WET = 0.15, 0.65
# Pixels that the larger side of the inked letter takes, and how far it is off the centre.
_FILL = (21.0, 24.0)
_SHIFT = 0.5

Floats = NDArray[np.float32]


class _Style(NamedTuple):
    """The ranges one split's writers come from, each (least, most).

    Attributes:
        slant: distance of the slant, in x per y, from the common one, to either side.
        stretch: distance of the logarithm of width / height from zero, to either side.
    """

    slant: tuple[float, float]
    stretch: tuple[float, float]


_COMMON_SLANT = 0.1
_STYLES = {
    "train": _Style(slant=(0.0, 0.25), stretch=(0.0, 0.2)),
    "test": _Style(slant=(0.25, 0.4), stretch=(0.2, 0.3)),
}


class _Alphabet(NamedTuple):
    """Every form of one split, ready to be drawn by the thousand.

    Attributes:
        points: float32 `[forms, points, 2]`, (x, y) the pen passes through, the larger side 1 long.
        outward: float32 `[forms, points, 2]`, at the ends of strokes the unit vector out of the stroke.
        basis: float32 `[forms, samples, points]`; `basis @ points` is the pen's path.
        drawn: float32 `[forms, samples - 1]`, 0 where the pen is lifted between two samples, else 1.
        first: int `[26, 2]`, the first form of a letter's capital and of its small letter.
        count: int `[26, 2]`, how many forms of it follow one another.
    """

    points: Floats
    outward: Floats
    basis: Floats
    drawn: Floats
    first: NDArray[np.int64]
    count: NDArray[np.int64]


def draw(count: int, split: str, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draws letters in a shuffled order, each class as often as any other, up to one.

    The same arguments give the same bytes on the same machine, and a longer draw begins with a
    shorter one's examples. Both splits share no form of a letter, no slant and no proportions.

    Args:
        count: how many letters.
        split: "train" or "test".
        seed: 0 <= seed.

    Returns:
        uint8 images `[count, 28, 28]`, upright, 0 = paper and 255 = ink, and int32 labels `[count]`,
        1..26 for A..Z, capital and small letters alike.
    """
    alphabet, style = _alphabet(split), _STYLES[split]
    blocks = [
        _draw_block(alphabet, style, np.random.default_rng((seed, split.encode()[0], block)))
        for block in range(-(-count // _BLOCK))
    ]
    images = [np.empty((0, SIDE, SIDE), np.uint8), *(images for images, _ in blocks)]
    labels = [np.empty(0, np.int32), *(labels for _, labels in blocks)]
    return np.concatenate(images)[:count], np.concatenate(labels)[:count]


def _draw_block(
    alphabet: _Alphabet, style: _Style, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns uint8 images `[block, 28, 28]` and labels `[block]`, every 26 in a row all different."""
    letters = rng.permuted(np.tile(np.arange(26), (_BLOCK // 26, 1)), axis=1).ravel()
    case = rng.integers(2, size=_BLOCK)
    pick = rng.integers(alphabet.count[letters, case])
    form = alphabet.first[letters, case] + pick
    path = _bend(_write(alphabet, form, rng) @ _hand(style, rng), rng)
    pen = np.exp(rng.uniform(*_PEN, (_BLOCK, 1))).astype(np.float32)
    images = _ink(_fit(path, pen, rng), pen * _pressure(rng), alphabet.drawn[form])
    return np.rint(images * 255).astype(np.uint8), (letters + 1).astype(np.int32)


def _write(alphabet: _Alphabet, form: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Returns paths `[block, samples, 2]` of the given forms, no two written alike."""
    points = alphabet.points[form]
    points = points + rng.normal(0, _JITTER, points.shape).astype(np.float32)
    overshoot = rng.uniform(*_OVERSHOOT, (*points.shape[:2], 1)).astype(np.float32)
    return alphabet.basis[form] @ (points + overshoot * alphabet.outward[form])


def _hand(style: _Style, rng: np.random.Generator) -> Floats:
    """Returns `[block, 2, 2]` matrices for row vectors that stretch, then slant, then turn."""

    def either_side(least: float, most: float) -> NDArray[np.float64]:
        return rng.choice((-1, 1), _BLOCK) * rng.uniform(least, most, _BLOCK)

    slant = _COMMON_SLANT + either_side(*style.slant)
    width = np.exp(either_side(*style.stretch))
    angle = rng.normal(0, _TURN, _BLOCK)
    cos, sin = np.cos(angle), np.sin(angle)
    one, zero = np.ones(_BLOCK), np.zeros(_BLOCK)
    # y grows downwards: a letter leans to the right where x falls with y.
    lean = np.stack((width, zero, -slant, one), axis=-1).reshape(-1, 2, 2)
    turn = np.stack((cos, sin, -sin, cos), axis=-1).reshape(-1, 2, 2)
    return (lean @ turn).astype(np.float32)


def _bend(path: Floats, rng: np.random.Generator) -> Floats:
    """Returns paths `[block, samples, 2]` displaced by a few random waves about a letter long."""
    frequency = rng.normal(0, _WAVE_FREQUENCY, (_BLOCK, 2, _WAVES)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, (_BLOCK, 1, _WAVES)).astype(np.float32)
    height = rng.normal(0, _WAVE_HEIGHT, (_BLOCK, _WAVES, 2)).astype(np.float32)
    return path + np.sin(2 * np.pi * (path @ frequency) + phase) @ height


def _fit(path: Floats, pen: Floats, rng: np.random.Generator) -> Floats:
    """Returns paths `[block, samples, 2]` in pixels, centred, the larger side filling the image."""
    low, high = path.min(axis=1, keepdims=True), path.max(axis=1, keepdims=True)
    fill = rng.uniform(*_FILL, (_BLOCK, 1)).astype(np.float32) - 2 * _REACH * pen
    scale = fill[:, None] / (high - low).max(axis=2, keepdims=True)
    shift = rng.uniform(-_SHIFT, _SHIFT, (_BLOCK, 1, 2)).astype(np.float32)
    return (path - (low + high) / 2) * scale + (_CENTRE + shift)


def _pressure(rng: np.random.Generator) -> Floats:
    """Returns factors `[block, samples - 1]` by which the pen widens and narrows on its way."""
    along = np.linspace(0, 1, _SAMPLES - 1, dtype=np.float32)
    cycles = rng.uniform(0.5, 3, (_BLOCK, 1)).astype(np.float32)
    phase = rng.uniform(0, 1, (_BLOCK, 1)).astype(np.float32)
    return 1 + _PRESSURE * np.sin(2 * np.pi * (cycles * along + phase))


def _ink(path: Floats, pen: Floats, drawn: Floats) -> Floats:
    """Returns float32 images `[block, 28, 28]` in [0, 1] of paths in pixels.

    Each bit of path leaves a Gaussian drop of ink as heavy as the bit is long. A Gaussian is a
    product of its two axes, so the sum over a path is one matrix product per image; along a straight
    line it is 1 in the middle, and a soft threshold turns it into a stroke with an even edge.

    Args:
        path: float32 `[block, samples, 2]`, (x, y).
        pen: float32 `[block, samples - 1]`, standard deviations of the drops in pixels.
        drawn: float32 `[block, samples - 1]`, 0 where the pen is lifted.
    """
    length = np.linalg.norm(np.diff(path, axis=1), axis=2)
    centre = (path[:, 1:] + path[:, :-1]) / 2
    pixels = np.arange(SIDE, dtype=np.float32)[:, None, None]
    # [2, side, block, samples - 1]: the larger axes outside keep the inner loops long.
    offset = (pixels - np.moveaxis(centre, 2, 0)[:, None, :, :].reshape(2, 1, *pen.shape)) / pen
    drops = np.exp(-0.5 * offset**2)
    weight = drawn * length / (np.sqrt(np.float32(2 * np.pi)) * pen)
    ink = np.moveaxis(drops[1] * weight, 0, 1) @ np.moveaxis(drops[0], 0, 2)
    wet = np.clip((ink - _DRY) / (_WET - _DRY), 0, 1)
    return wet * wet * (3 - 2 * wet)


@functools.cache
def _alphabet(split: str) -> _Alphabet:
    """Returns the forms of one split."""
    forms: list[str] = []
    first, count = np.zeros((2, 26, 2), np.int64)
    for case, letters in enumerate((string.ascii_uppercase, string.ascii_lowercase)):
        for index, letter in enumerate(letters):
            of_letter: tuple[str, ...] = getattr(LETTERS[letter], split)
            first[index, case], count[index, case] = len(forms), len(of_letter)
            forms += of_letter
    room = max(len(form.replace("|", " ").split()) for form in forms)
    traced = zip(*(_trace(form, room) for form in forms), strict=True)
    return _Alphabet(*(np.stack(arrays).astype(np.float32) for arrays in traced), first, count)


def _trace(form: str, room: int) -> tuple[NDArray[np.float64], ...]:
    """Returns a form's `_Alphabet` points, outward, basis and drawn, padded to `room` points."""
    strokes = [stroke.split() for stroke in form.split("|")]
    pairs = [point.rstrip("!").split(",") for stroke in strokes for point in stroke]
    points, outward = np.zeros((2, room, 2))
    points[: len(pairs)] = np.array(pairs, np.float64)
    points /= np.ptp(points[: len(pairs)], axis=0).max()
    # A piece is the indices of its first and last point: from a stroke's end or a corner to the next.
    pieces: list[tuple[int, int]] = []
    start = 0
    for stroke in strokes:
        last = start + len(stroke) - 1
        for end, inner in ((start, start + 1), (last, last - 1)):
            direction = points[end] - points[inner]
            outward[end] = direction / np.linalg.norm(direction)
        corners = [start + i for i, point in enumerate(stroke) if point.endswith("!")]
        pieces += itertools.pairwise(sorted({start, *corners, last}))
        start = last + 1
    basis, drawn = np.zeros((_SAMPLES, room)), np.ones(_SAMPLES - 1)
    row = 0
    for (a, b), samples in zip(pieces, _shares(points, pieces), strict=True):
        # Pieces that share no corner belong to different strokes.
        if row and not basis[row - 1, a]:
            drawn[row - 1] = 0
        basis[row : row + samples, a : b + 1] = _spline(points[a : b + 1], samples)
        row += samples
    return points, outward, basis, drawn


def _shares(points: NDArray[np.float64], pieces: list[tuple[int, int]]) -> list[int]:
    """Returns how many of the samples each piece gets: two, and the rest by its length."""
    lengths = [np.linalg.norm(np.diff(points[a : b + 1], axis=0), axis=1).sum() for a, b in pieces]
    ends = np.cumsum([0, *lengths]) / sum(lengths) * (_SAMPLES - 2 * len(pieces))
    return [2 + int(n) for n in np.diff(np.rint(ends))]


def _spline(points: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Returns the `[samples, points]` matrix of the natural cubic spline through `[points, 2]` points.

    Its parameter is centripetal (Lee 1989, "Choosing nodes in parametric curve interpolation"), which
    keeps curves through unevenly spaced points from overshooting.
    """
    steps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1))
    knots = np.concatenate(([0.0], np.cumsum(steps)))
    spline = CubicSpline(knots, np.eye(len(points)), bc_type="natural")
    return spline(np.linspace(0, knots[-1], samples))

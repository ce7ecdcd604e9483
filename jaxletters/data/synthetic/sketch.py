"""Draws any number of letters that look handwritten, from a seed.

A letter is the path of a pen (`strokes.LETTERS`). Each example moves the points of a path a little,
lets the strokes run past or fall short of their ends, slants, stretches, turns and bends the whole,
and inks it with a pen of varying width. The result fits the image as EMNIST's letters do: with their
aspect ratio, centred, with a margin (Cohen et al. 2017, "EMNIST: an extension of MNIST to
handwritten letters", section II).
"""

import functools
import itertools
import string
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jaxletters.data.synthetic.strokes import LETTERS

SIDE = 28
_CENTRE = (SIDE - 1) / 2
# Positions of the pen along one letter: closer together than the narrowest pen shows.
_SAMPLES = 64
# Examples drawn together. A block depends only on its number, so a longer draw extends a shorter one.
_BLOCK = 26 * 16

# How letters lean, in x per y: `_SLANT` to the right, give or take what the split allows.
_SLANT = 0.1
_LEAN = {"train": (0.0, 0.26), "test": (0.26, 0.33)}
# How far a writer strays otherwise: the logarithm of width / height, the turn in radians, and, in
# lengths of the letter's larger side, points, the ends of strokes, and waves that bend the whole.
_STRETCH = 0.2
_TURN = 0.06
_JITTER = 0.013
_OVERSHOOT = (-0.02, 0.07)
_WAVES = 3
_WAVE_HEIGHT = 0.03
_WAVE_FREQUENCY = 0.5
# The pen leaves Gaussian drops: their least and most standard deviation in pixels, how much it swells
# and shrinks on its way, how many deviations its ink reaches, and the shares of the ink in the middle
# of a line where paper ends and full black begins.
_PEN = (0.75, 1.25)
_PRESSURE = 0.15
_REACH = 1.5
_DRY, _WET = 0.05, 0.85
# Pixels that the larger side of the inked letter takes, and how far off the centre it may lie.
_FILL = (20.0, 23.5)
_SHIFT = 0.5

Floats = NDArray[np.float32]


class _Alphabet(NamedTuple):
    """All forms of one split as arrays."""

    points: Floats  # [forms, points, 2], (x, y) the pen passes through, the larger side 1 long
    outward: Floats  # [forms, points, 2], at the ends of strokes the unit vector out of the stroke
    basis: Floats  # [forms, samples, points]; basis @ points is the pen's path
    drawn: Floats  # [forms, samples - 1], 0 where the pen is lifted between two samples, else 1
    # [26, 2], for a letter's capital and small letter: the first form, and how many follow each other
    first: NDArray[np.int64]
    variants: NDArray[np.int64]


def draw(count: int, split: str, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns letters in a shuffled order, balanced over the classes up to one example.

    The same arguments give the same bytes on the same machine, and a longer draw begins with the examples of
    a shorter one. The splits "train" and "test" share no form of a letter, and the letters of the test split
    lean further to either side.

    Returns:
        uint8 images `[count, 28, 28]`, upright, 0 = paper and 255 = ink, and int32 labels `[count]`,
        1..26 for A..Z, capital and small letters alike.
    """
    alphabet, lean = _alphabet(split), _LEAN[split]
    stream = list(_LEAN).index(split)
    blocks = [
        _draw_block(
            alphabet, lean, np.random.default_rng((seed, stream, block)), count - block * _BLOCK
        )
        for block in range(-(-count // _BLOCK))
    ]
    images = [np.empty((0, SIDE, SIDE), np.uint8), *(images for images, _ in blocks)]
    labels = [np.empty(0, np.int32), *(labels for _, labels in blocks)]
    return np.concatenate(images), np.concatenate(labels)


def paths(form: str) -> list[Floats]:
    """Returns the pen's path through a form of `strokes.LETTERS`: float32 `[n, 2]` for each stroke.

    The points (x, y) are close together on a smooth curve. The larger side of the letter is 1 long, y grows
    downwards.
    """
    points, _, basis, drawn = _trace(form, len(form.replace("|", " ").split()))
    strokes = np.split((basis @ points).astype(np.float32), np.flatnonzero(drawn == 0) + 1)
    return [stroke for stroke in strokes if len(stroke) > 1]


def _draw_block(
    alphabet: _Alphabet, lean: tuple[float, float], rng: np.random.Generator, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns at most `count` of a block's images and labels, every 26 in a row all different.

    All random numbers of the block are drawn, so that its letters do not depend on `count`.
    """
    letters = rng.permuted(np.tile(np.arange(26), (_BLOCK // 26, 1)), axis=1).ravel()
    case = rng.integers(2, size=_BLOCK)
    form = alphabet.first[letters, case] + rng.integers(alphabet.variants[letters, case])
    path = _bend(_write(alphabet, form, rng) @ _hand(lean, rng), rng)
    pen = rng.uniform(*_PEN, (_BLOCK, 1)).astype(np.float32)
    path, width = _fit(path, pen, rng), pen * _pressure(rng)
    images = _ink(path[:count], width[:count], alphabet.drawn[form[:count]])
    return np.rint(images * 255).astype(np.uint8), (letters[:count] + 1).astype(np.int32)


def _write(alphabet: _Alphabet, form: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Returns paths `[block, samples, 2]` of the given forms, no two written alike."""
    points, outward = alphabet.points[form], alphabet.outward[form]
    jitter = rng.normal(0, _JITTER, points.shape)
    overshoot = rng.uniform(*_OVERSHOOT, (*points.shape[:2], 1))
    written = points + jitter + overshoot * outward
    return alphabet.basis[form] @ written.astype(np.float32)


def _hand(lean: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Returns `[block, 2, 2]` matrices for row vectors that stretch, then slant, then turn."""
    slant = _SLANT + rng.choice((-1, 1), _BLOCK) * rng.uniform(*lean, _BLOCK)
    width = np.exp(rng.uniform(-_STRETCH, _STRETCH, _BLOCK))
    angle = rng.normal(0, _TURN, _BLOCK)
    cos, sin = np.cos(angle), np.sin(angle)
    one, zero = np.ones(_BLOCK), np.zeros(_BLOCK)
    # y grows downwards: a letter leans to the right where x falls as y grows.
    shear = np.stack((width, zero, -slant, one), axis=-1).reshape(-1, 2, 2)
    turn = np.stack((cos, sin, -sin, cos), axis=-1).reshape(-1, 2, 2)
    return (shear @ turn).astype(np.float32)


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
    along = np.linspace(0, 1, _SAMPLES - 1)
    cycles = rng.uniform(0.5, 3, (_BLOCK, 1))
    phase = rng.uniform(0, 1, (_BLOCK, 1))
    swell = _PRESSURE * np.sin(2 * np.pi * (cycles * along + phase))
    return (1 + swell).astype(np.float32)


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
    # [2, side, block, samples - 1], x before y.
    offset = (pixels - np.moveaxis(centre, 2, 0)[:, None]) / pen
    drops = np.exp(-0.5 * offset**2)
    weight = drawn * length / (np.sqrt(np.float32(2 * np.pi)) * pen)
    ink = np.moveaxis(drops[1] * weight, 0, 1) @ np.moveaxis(drops[0], 0, 2)
    return np.clip((ink - _DRY) / (_WET - _DRY), 0, 1)


@functools.cache
def _alphabet(split: str) -> _Alphabet:
    """Returns the forms of one split."""
    forms: list[str] = []
    first, variants = np.zeros((2, 26, 2), np.int64)
    for case, letters in enumerate((string.ascii_uppercase, string.ascii_lowercase)):
        for index, letter in enumerate(letters):
            of_letter: tuple[str, ...] = getattr(LETTERS[letter], split)
            first[index, case], variants[index, case] = len(forms), len(of_letter)
            forms += of_letter
    room = max(len(form.replace("|", " ").split()) for form in forms)
    points, outward, basis, drawn = (
        np.stack(arrays).astype(np.float32)
        for arrays in zip(*(_trace(form, room) for form in forms), strict=True)
    )
    return _Alphabet(points, outward, basis, drawn, first, variants)


def _trace(form: str, room: int) -> tuple[NDArray[np.float64], ...]:
    """Returns a form's `_Alphabet` points, outward, basis and drawn, padded to `room` points."""
    strokes = [stroke.split() for stroke in form.split("|")]
    pairs = [point.rstrip("!").split(",") for stroke in strokes for point in stroke]
    written = np.array(pairs, np.float64)
    points, outward = np.zeros((2, room, 2))
    points[: len(pairs)] = written / np.ptp(written, axis=0).max()
    basis, drawn = np.zeros((_SAMPLES, room)), np.ones(_SAMPLES - 1)
    pieces = _pieces(strokes)
    row = 0
    for (first, last), samples in zip(pieces, _shares(points, pieces), strict=True):
        # Pieces of one stroke share a corner, where the previous piece ended.
        if row and not basis[row - 1, first]:
            drawn[row - 1] = 0
        basis[row : row + samples, first : last + 1] = _spline(points[first : last + 1], samples)
        row += samples
    start = 0
    for stroke in strokes:
        last = start + len(stroke) - 1
        for end, inner in ((start, start + 1), (last, last - 1)):
            direction = points[end] - points[inner]
            outward[end] = direction / np.linalg.norm(direction)
        start = last + 1
    return points, outward, basis, drawn


def _pieces(strokes: list[list[str]]) -> list[tuple[int, int]]:
    """Returns the indices of the first and the last point of each smooth piece of the strokes."""
    pieces: list[tuple[int, int]] = []
    start = 0
    for stroke in strokes:
        corners = [start + i for i, point in enumerate(stroke) if point.endswith("!")]
        pieces += itertools.pairwise(sorted({start, *corners, start + len(stroke) - 1}))
        start += len(stroke)
    return pieces


def _shares(points: NDArray[np.float64], pieces: list[tuple[int, int]]) -> list[int]:
    """Returns the number of samples of each piece: two, and a share of the rest by its length."""
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
    return spline(np.linspace(0, float(knots[-1]), samples))

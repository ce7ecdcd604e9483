"""Compares mean images with templates of letters and digits, to find turned images and wrong labels."""

import functools
import string
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jaxletters.config import sources
from jaxletters.data import canvas, orientation
from jaxletters.data.synthetic import sketch
from jaxletters.data.synthetic.strokes import DIGITS, LETTERS

SIDE = 14
# Blank pixels around the paths of a template, and the standard deviation of the blur of images and templates.
_MARGIN, _BLUR = 1.5, 1.2
# A pixel of the sum of all classes is ink if it exceeds this share of the maximum.
_FAINT = 0.1
_SHIFTS = (0, 1, -1)
# With fewer classes, wrong letters can agree by chance.
_LEAST_CLASSES = 8

Floats = NDArray[np.floating]


class Match(NamedTuple):
    """The agreement of classes with the templates under an orientation and a shift of labels."""

    agreement: float  # the mean correlation of `_contrasts`
    orientation: str  # the assumed orientation of the images
    shift: int  # added to every label


def are_named(names: tuple[str, ...]) -> bool:
    """Returns whether enough class names are letters or digits for a comparison."""
    return len(_templates(names)) >= _LEAST_CLASSES


def matches(means: Mapping[int, Floats], names: tuple[str, ...]) -> list[Match]:
    """Returns a match for every orientation and shift, the best first; empty for too few classes.

    Compares only classes that are named as letters or digits. `means` are the mean image of each label,
    `[h, w]`, bright on dark.
    """
    templates, images = _templates(names), _framed(means)
    result: list[Match] = []
    for shift in _SHIFTS:
        labels = [label for label in images if label + shift in templates]
        if len(labels) < _LEAST_CLASSES:
            continue
        expected = _contrasts(np.stack([templates[label + shift] for label in labels]))
        stored = np.stack([images[label] for label in labels])
        for name in sources.ORIENTATIONS:
            turned = _contrasts(orientation.upright(stored, name))
            result.append(Match(float((turned * expected).sum(axis=1).mean()), name, shift))
    return sorted(result, reverse=True)


def exchanged(
    means: Mapping[int, Floats], names: tuple[str, ...], gain: float
) -> list[tuple[int, int]]:
    """Returns pairs of labels where exchanging them raises the agreement of both by `gain` or more."""
    templates, images = _templates(names), _framed(means)
    labels = [label for label in images if label in templates]
    if len(labels) < _LEAST_CLASSES:
        return []
    actual, expected = (
        _contrasts(np.stack([by_label[label] for label in labels]))
        for by_label in (images, templates)
    )
    gains = actual @ expected.T
    gains -= gains.diagonal()[:, None]
    pairs = np.argwhere(np.triu(np.minimum(gains, gains.T)) >= gain)
    return [(labels[a], labels[b]) for a, b in pairs]


def _framed(means: Mapping[int, Floats]) -> dict[int, Floats]:
    """Returns the images cropped to the ink of all classes, `[SIDE, SIDE]` each."""
    total = sum(means.values(), np.zeros(()))
    total = total - total.min()
    is_ink = total > _FAINT * total.max()
    if not is_ink.any():
        return {}
    rows, columns = (np.flatnonzero(is_ink.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    down, right = (canvas.areas(line.stop - line.start, SIDE) for line in box)
    return {label: down @ mean[box] @ right.T for label, mean in means.items()}


def _contrasts(images: Floats) -> Floats:
    """Returns each blurred image minus the mean of all: `[n, SIDE * SIDE]`, of length 1 or 0."""
    blurred: Floats = cast(Any, ndimage).gaussian_filter(images, (0, _BLUR, _BLUR))
    flat = blurred.reshape(len(images), -1)
    flat = flat / np.maximum(flat.sum(axis=1, keepdims=True), 1e-9)
    flat = flat - flat.mean(axis=0)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def _templates(names: tuple[str, ...]) -> dict[int, Floats]:
    """Returns the template of every label that is named as a letter or a digit."""
    known = set(names)
    return {
        label: _template(name, not name.isdigit() and name.swapcase() not in known)
        for label, name in enumerate(names)
        if name in DIGITS or name in tuple(string.ascii_letters)
    }


@functools.cache
def _template(name: str, both: bool) -> Floats:
    """Returns the mean of a character's forms, `[SIDE, SIDE]`; `both` for capital and small letters."""
    if name in DIGITS:
        return np.mean([_path_lengths(form) for form in DIGITS[name]], axis=0)
    cases = (name, name.swapcase()) if both else (name,)
    return np.mean(
        [np.mean([_path_lengths(f) for f in LETTERS[c].train], axis=0) for c in cases], axis=0
    )


def _path_lengths(form: str) -> Floats:
    """Returns the length of a form's path in each pixel, `[SIDE, SIDE]`."""
    strokes = sketch.paths(form)
    corners = np.concatenate(strokes)
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    image = np.zeros((SIDE, SIDE))
    for stroke in strokes:
        placed = (stroke - middle) * (SIDE - 2 * _MARGIN) + SIDE / 2
        x, y = ((placed[1:] + placed[:-1]) / 2).T
        length = np.linalg.norm(np.diff(placed, axis=0), axis=1)
        image += np.histogram2d(y, x, bins=SIDE, range=[(0, SIDE)] * 2, weights=length)[0]
    return image

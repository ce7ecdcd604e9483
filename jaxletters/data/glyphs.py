"""How letters and digits are written, roughly: it shows how images lie, and labels that are shifted."""

import functools
import string
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jaxletters.config import sources
from jaxletters.data import canvas, orientation
from jaxletters.data.synthetic import sketch
from jaxletters.data.synthetic.strokes import DIGITS, LETTERS

SIDE = 14
# Pixels that the paths of a template leave blank, and the standard deviation of the blur of both sides.
_MARGIN, _BLUR = 1.5, 1.2
# The ink of all classes together begins where their mean has this share of its greatest value.
_FAINT = 0.1
_SHIFTS = (0, 1, -1)
# Fewer classes may agree with the wrong letters by chance.
_LEAST_CLASSES = 8

Floats = NDArray[np.floating]


class Match(NamedTuple):
    """How well classes agree with how letters and digits are written, if they are taken otherwise.

    Attributes:
        agreement: the mean correlation, of what tells one class from another.
        orientation: how the images would lie.
        shift: what is to be added to every label.
    """

    agreement: float
    orientation: str
    shift: int


def are_named(names: tuple[str, ...]) -> bool:
    """Returns whether enough classes are called as letters or digits to say anything of them."""
    return len(_templates(names)) >= _LEAST_CLASSES


def matches(means: Mapping[int, Floats], names: tuple[str, ...]) -> list[Match]:
    """Returns all ways to take the classes, the one that agrees best first; none for too few of them.

    Args:
        means: of each label the mean image, `[h, w]`, bright on dark.
        names: of the classes; those of one letter or digit count.
    """
    templates, found = _templates(names), []
    images = _framed(means)
    for shift in _SHIFTS:
        labels = [label for label in images if label + shift in templates]
        if len(labels) < _LEAST_CLASSES:
            continue
        wanted = _contrasts(np.stack([templates[label + shift] for label in labels]))
        given = np.stack([images[label] for label in labels])
        for lies in sources.ORIENTATIONS:
            agreement = (_contrasts(orientation.upright(given, lies)) * wanted).sum(axis=1).mean()
            found.append(Match(float(agreement), lies, shift))
    return sorted(found, reverse=True)


def exchanged(
    means: Mapping[int, Floats], names: tuple[str, ...], gain: float
) -> list[tuple[int, int]]:
    """Returns pairs of labels whose images each agree with the other's name better, by so much at least."""
    templates, images = _templates(names), _framed(means)
    labels = [label for label in images if label in templates]
    if len(labels) < _LEAST_CLASSES:
        return []
    given, wanted = (
        _contrasts(np.stack([of[label] for label in labels])) for of in (images, templates)
    )
    gains = given @ wanted.T
    gains -= gains.diagonal()[:, None]
    pairs = np.argwhere(np.triu(np.minimum(gains, gains.T)) >= gain)
    return [(labels[a], labels[b]) for a, b in pairs]


def _framed(means: Mapping[int, Floats]) -> dict[int, Floats]:
    """Returns the part of the images where any class has ink, `[SIDE, SIDE]` each."""
    together = sum(means.values(), np.zeros(()))
    together = together - together.min()
    inked = together > _FAINT * together.max()
    if not inked.any():
        return {}
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    down, right = (canvas.areas(line.stop - line.start, SIDE) for line in box)
    return {label: down @ mean[box] @ right.T for label, mean in means.items()}


def _contrasts(images: Floats) -> Floats:
    """Returns what tells each image from the others, blurred: `[n, SIDE * SIDE]`, of length 1 or 0."""
    flat = ndimage.gaussian_filter(images, (0, _BLUR, _BLUR)).reshape(len(images), -1)
    flat = flat / np.maximum(flat.sum(axis=1, keepdims=True), 1e-9)
    flat = flat - flat.mean(axis=0)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def _templates(names: tuple[str, ...]) -> dict[int, Floats]:
    """Returns the template of every label whose name is a letter or a digit."""
    known = set(names)
    return {
        label: _template(name, not name.isdigit() and name.swapcase() not in known)
        for label, name in enumerate(names)
        if name in DIGITS or name in tuple(string.ascii_letters)
    }


@functools.cache
def _template(name: str, both: bool) -> Floats:
    """Returns the mean of a character's forms, `[SIDE, SIDE]`; `both` for capital and small alike."""
    if name in DIGITS:
        return np.mean([_drawn(form) for form in DIGITS[name]], axis=0)
    cases = (name, name.swapcase()) if both else (name,)
    return np.mean([np.mean([_drawn(f) for f in LETTERS[c].train], axis=0) for c in cases], axis=0)


def _drawn(form: str) -> Floats:
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

"""Handwriting drawn by code: letters that look written, of any number, from nothing but a seed.

A letter is the path of a pen (`strokes.LETTERS`). Each example moves the points of a path a little,
lets the strokes run past or fall short of their ends, slants, stretches, turns and bends the whole,
and inks it with a pen of varying width. The result is fitted to the image as EMNIST's letters are:
aspect ratio kept, centred, with a margin (Cohen et al. 2017, "EMNIST: an extension of MNIST to
handwritten letters", section II).
"""

import functools
import string
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jaxletters.data.strokes import LETTERS, Forms

SIDE = 28
_CENTRE = (SIDE - 1) / 2
# Positions of the pen along one letter; 64 are at most 1.4 px apart, which a pen's width hides.
_SAMPLES = 64
# Examples drawn together; a block depends on its number alone, so a longer draw extends a shorter one.
_BLOCK = 26 * 16

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

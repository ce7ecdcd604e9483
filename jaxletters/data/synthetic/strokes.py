"""The written forms of A-Z, a-z and 0-9, each a pen path; the table itself is `strokes.json`.

A form is text. `|` separates its strokes, where the pen is lifted. A stroke is a row of points `x,y` that the
pen passes through on a smooth curve. A point marked `!` is a corner, where the direction may jump, so two
points, or points between corners, are joined by a straight line.

x grows to the right and y downwards. Forms are scaled to the image, so only proportions matter:

    0 ........ capitals, ascenders
    4 ........ bodies of small letters
    10 ....... base line
    14 ....... descenders

A bare vertical stroke is always a capital I; a small l has a hook or a loop.
"""

import json
from importlib import resources
from typing import NamedTuple, TypedDict


class Forms(NamedTuple):
    """The forms of one letter: those of the training split and those kept for the test split."""

    train: tuple[str, ...]
    test: tuple[str, ...]


class _Table(TypedDict):
    letters: dict[str, dict[str, list[str]]]
    digits: dict[str, list[str]]


_TABLE: _Table = json.loads(
    resources.files("jaxletters.data.synthetic").joinpath("strokes.json").read_text()
)
LETTERS = {
    letter: Forms(tuple(forms["train"]), tuple(forms["test"]))
    for letter, forms in _TABLE["letters"].items()
}
DIGITS = {digit: tuple(forms) for digit, forms in _TABLE["digits"].items()}

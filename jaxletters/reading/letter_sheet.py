"""The sheet to fill in with letters of one hand: where its marks and boxes are."""

import string
from typing import NamedTuple

# All lengths are in millimetres, from the top left corner of a sheet of A4; y grows downwards.
WIDTH, HEIGHT = 210.0, 297.0
LETTERS = string.ascii_uppercase
EXAMPLES = 5
# The centres of the marks, clockwise from the top left. A mark is a black square, a white and a black one in
# its middle, in the proportions 7 : 5 : 3 of the finder patterns of QR codes.
MARKS = ((15.0, 15.0), (195.0, 15.0), (195.0, 282.0), (15.0, 282.0))
MARK_SIDE = 10.0
# Left, top, width and height of the bar that only the mark at the top left has.
BAR = (23.0, 10.0, 6.0, 10.0)
# The rows of letters are in two columns. The distances between boxes are larger than `letter_sheet_photo`
# searches for a frame.
ROWS, COLUMNS = 13, 2
BOX_WIDTH, BOX_HEIGHT = 14.0, 15.0
_FIRST, _PITCH, _COLUMN = (20.0, 30.0), (17.0, 18.4), 91.0


class Place(NamedTuple):
    """A box of the sheet: its letter, and its left and top edge in millimetres."""

    letter: str
    left: float
    top: float


def places() -> list[Place]:
    """Returns the boxes in the order of the letters, five for each."""
    (left, top), (right, down) = _FIRST, _PITCH
    return [
        Place(
            letter,
            left + number // ROWS * _COLUMN + example * right,
            top + number % ROWS * down,
        )
        for number, letter in enumerate(LETTERS)
        for example in range(EXAMPLES)
    ]

"""From a photograph of the filled sheet to the images of its letters.

The steps: find the four marks; undo the perspective by their centres; find the frame of each box, because
paper is rarely flat; find the ink inside all frames, and render it as in reading.
"""

import itertools
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from jaxletters.core.errors import UserError
from jaxletters.reading import ink, letter_sheet
from jaxletters.reading.letter_image import CANVASES, Floats, of_ink

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Marks are searched in a photograph reduced to this many pixels along its longer side.
_SEARCH_SIDE = 1600
# A pixel is dark if it is below this share of the mean of a window around it. The side of the window is a
# share of the longer side of the photograph.
_DARK, _WINDOW = 0.7, 1 / 8
# Limits of a mark's ring to its core: sides (7 : 3 as printed) and areas (24 : 9); sides of a core in pixels.
_SIDES, _AREAS, _CORE_SIDES = (1.7, 3.2), (1.5, 4.5), (4, 120)
# A core fills at least this share of its box (half of it, if it is turned by 45 degrees). The centres of core
# and ring are at most so far apart, as a share of the core's side.
_FILLED, _APART = 0.4, 0.5
# More cores or marks than these are a pattern.
_MOST_CORES, _MOST_MARKS = 3000, 12
# Pixels per millimetre of the rectified sheet, and of the coarser one in which the bar is searched. A
# reduced photograph keeps at least 1.5 times the first.
_RESOLUTION, _COARSE = 8, 2
# A frame is searched within the first distance of its place, in millimetres, and is darker than the paper by
# at least the second value, of 255. The inside of a box begins at the third distance from the middle
# of the frame's line, in millimetres.
_SEARCH, _FRAME_CONTRAST, _INSET = 1.5, 8, 0.9
# Shares of full ink: of written pixels, and what a stroke exceeds in at least one pixel.
_WRITTEN, _STROKE = 0.4, 0.65
# Smaller pieces of ink are specks, and a smaller letter is none, in millimetres.
_SPECK, _LEAST_LETTER = 0.5, 2.0


class Filled(NamedTuple):
    """The letters of a filled sheet.

    Attributes:
        letters: of each, its class and its uint8 image `[28, 28]`, 0 = paper and 255 = ink, as EMNIST's.
        boxes: int64 `[n]`, the number of the box of each, from 0, in the order of `letter_sheet.places`.
    """

    letters: list[tuple[str, NDArray[np.uint8]]]
    boxes: NDArray[np.int64]


def read(photograph: NDArray[np.uint8], name: str) -> Filled:
    """Returns the letters in the boxes of a sheet, which is upright, upside down or on its side.

    Args:
        photograph: uint8 `[h, w, 3]`, of the whole sheet.
        name: its name in error messages.

    Raises:
        UserError: the marks are not found, or nothing is written.
    """
    sheet = _rectify(photograph, name)
    inks = _ink_of_boxes(sheet)
    letters: list[tuple[str, NDArray[np.uint8]]] = []
    boxes: list[int] = []
    for i, place in enumerate(letter_sheet.places()):
        if (letter := _letter(inks[i])) is not None:
            letters.append((place.letter, of_ink(letter, CANVASES["emnist"])))
            boxes.append(i)
    if not letters:
        raise UserError(
            f"{name}: expected letters in the boxes of the sheet, found empty boxes; write with a dark pen"
        )
    return Filled(letters, np.array(boxes, np.int64))


def _rectify(photograph: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Returns the sheet, upright and without perspective: uint8 `[h, w, 3]`, 8 pixels in a millimetre."""
    step = -(-max(photograph.shape[:2]) // _SEARCH_SIDE)
    image = Image.fromarray(photograph)
    marks = _marks(np.asarray(image.convert("L").reduce(step), np.float32)) * step
    if len(marks) != len(letter_sheet.MARKS):
        raise UserError(
            f"{name}: expected a sheet of `jaxletters sheet` with {len(letter_sheet.MARKS)} corner marks, "
            f"found {len(marks)} of them; photograph the whole sheet, sharp and from above"
        )
    sides = np.linalg.norm(marks - np.roll(marks, 1, axis=0), axis=1)
    reduction = max(int(sides.min() / letter_sheet.WIDTH / _RESOLUTION / 1.5), 1)
    image = image.reduce(reduction)
    turned = [np.roll(marks, -turn, axis=0) / reduction for turn in range(4)]
    darkness = [_bar_darkness(_warp(image, corners, _COARSE)) for corners in turned]
    if max(darkness) < 1 - _DARK:
        raise UserError(
            f"{name}: expected a bar beside one of the corner marks of the sheet, found only the marks; "
            "photograph the whole sheet, sharp and from above"
        )
    return _warp(image, turned[int(np.argmax(darkness))], _RESOLUTION)


def _marks(grey: Floats) -> Floats:
    """Returns the centres of the marks, (x, y) in pixels: float64 `[4, 2]`, clockwise, else the few found."""
    window = max(round(max(grey.shape) * _WINDOW), 3)
    labels, count = _ndimage.label(grey < _DARK * _ndimage.uniform_filter(grey, window))
    if not count:
        return np.empty((0, 2))
    boxes = np.array(
        [[(s.start, s.stop) for s in box] for box in _ndimage.find_objects(labels)]
    )  # [n, 2, 2]
    sides = boxes[:, :, 1] - boxes[:, :, 0]
    areas = np.bincount(labels.ravel())[1:]
    middles = boxes.mean(axis=2)
    is_core = (
        (sides.min(axis=1) >= _CORE_SIDES[0])
        & (sides.max(axis=1) <= _CORE_SIDES[1])
        & (sides.max(axis=1) <= 2 * sides.min(axis=1))
        & (areas >= _FILLED * sides.prod(axis=1))
    )
    cores = np.flatnonzero(is_core)[:_MOST_CORES]
    rings = np.flatnonzero(sides.min(axis=1) > _CORE_SIDES[0])
    found: list[int] = []
    for core in cores:
        side = sides[core].mean()
        near = np.abs(middles[rings] - middles[core]).max(axis=1) <= _APART * side
        ratios = sides[rings] / sides[core]
        alike = ((ratios >= _SIDES[0]) & (ratios <= _SIDES[1])).all(axis=1)
        area = areas[rings] / areas[core]
        if (near & alike & (area >= _AREAS[0]) & (area <= _AREAS[1])).any():
            found.append(int(core))
    if not found:
        return np.empty((0, 2))
    centres = np.array(_ndimage.center_of_mass(labels > 0, labels, np.array(found) + 1))
    return _corners(centres[:, ::-1] + 0.5)


def _corners(points: Floats) -> Floats:
    """Returns the four points of the largest quadrilateral, clockwise, or the points if they are fewer."""
    if not len(letter_sheet.MARKS) <= len(points) <= _MOST_MARKS:
        return points[: len(letter_sheet.MARKS) - 1]
    fours = [
        _clockwise(points[list(four)]) for four in itertools.combinations(range(len(points)), 4)
    ]
    return max(fours, key=_area)


def _clockwise(points: Floats) -> Floats:
    """Returns points in the order of their angles around their mean; y grows downwards."""
    x, y = (points - points.mean(axis=0)).T
    return points[np.argsort(np.arctan2(y, x))]


def _area(polygon: Floats) -> float:
    """Returns the area of a polygon `[n, 2]` by the shoelace formula."""
    (x, y), (next_x, next_y) = polygon.T, np.roll(polygon, -1, axis=0).T
    return float(np.sum(x * next_y - next_x * y) / 2)


def _warp(image: Image.Image, marks: Floats, resolution: int) -> NDArray[np.uint8]:
    """Returns the sheet whose marks, clockwise from the top left, are at `[4, 2]` pixels of an image."""
    size = round(letter_sheet.WIDTH * resolution), round(letter_sheet.HEIGHT * resolution)
    targets = np.array(letter_sheet.MARKS) * resolution
    rows: list[list[Any]] = []
    for (u, v), (x, y) in zip(targets, marks, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
    coefficients = np.linalg.solve(np.array(rows), marks.ravel())
    warped = image.transform(
        size,
        Image.Transform.PERSPECTIVE,
        coefficients.tolist(),
        Image.Resampling.BILINEAR,
        fillcolor="white",
    )
    return np.asarray(warped)


def _bar_darkness(sheet: NDArray[np.uint8]) -> float:
    """Returns by how much the bar's place is darker than the paper below it, as a share of the latter.

    Args:
        sheet: uint8 `[h, w, 3]`, with `_COARSE` pixels in a millimetre.
    """
    left, top, width, height = letter_sheet.BAR

    def mean(x: float, y: float) -> float:
        """Returns the mean of a window of half the bar's size, its corner given in millimetres."""
        first = round(x * _COARSE), round(y * _COARSE)
        last = round((x + width / 2) * _COARSE), round((y + height / 2) * _COARSE)
        return float(sheet[first[1] : last[1], first[0] : last[0]].mean())

    # The bar's middle, and the paper below.
    bar, paper = mean(left + width / 4, top + height / 4), mean(left + width / 4, top + height + 2)
    return 1 - bar / max(paper, 1)


def _ink_of_boxes(sheet: NDArray[np.uint8]) -> Floats:
    """Returns the share of ink inside the frames of all boxes: float32 `[boxes, h, w]`.

    The ink is found in one picture of all boxes, so that an empty box shows no ink.
    """
    width, height = (
        round((side - 2 * _INSET) * _RESOLUTION)
        for side in (letter_sheet.BOX_WIDTH, letter_sheet.BOX_HEIGHT)
    )
    grey = np.asarray(Image.fromarray(sheet).convert("L"), np.float32)
    crops: list[NDArray[np.uint8]] = []
    for place in letter_sheet.places():
        left, top = _inside_frame(grey, place, width, height)
        crops.append(sheet[top : top + height, left : left + width])
    # [columns of letters, rows, examples, height, width, 3], laid out as on the sheet.
    shape = letter_sheet.COLUMNS, letter_sheet.ROWS, letter_sheet.EXAMPLES, height, width
    page = np.stack(crops).reshape(*shape, 3).transpose(1, 3, 0, 2, 4, 5)
    shares = ink.of_boxes(page.reshape(letter_sheet.ROWS * height, -1, 3).astype(np.float32))
    rows = shares.reshape(
        letter_sheet.ROWS, height, letter_sheet.COLUMNS, letter_sheet.EXAMPLES, width
    )
    return rows.transpose(2, 0, 3, 1, 4).reshape(-1, height, width)


def _inside_frame(
    grey: Floats, place: letter_sheet.Place, width: int, height: int
) -> tuple[int, int]:
    """Returns the left and top pixel of the inside of a box, `[height, width]`, by its frame."""
    left, top = round(place.left * _RESOLUTION), round(place.top * _RESOLUTION)
    right = round((place.left + letter_sheet.BOX_WIDTH) * _RESOLUTION)
    bottom = round((place.top + letter_sheet.BOX_HEIGHT) * _RESOLUTION)
    margin = round(_SEARCH * _RESOLUTION)

    def shift(rows: slice, columns: slice, axis: int) -> float | None:
        """Returns how far a line of the frame is from the middle of a strip across it."""
        profile = np.median(grey[rows, columns], axis=axis)
        line = int(np.argmin(profile))
        clear = np.median(profile) - profile[line] >= _FRAME_CONTRAST
        return line - margin if clear else None

    across, down = slice(left + margin, right - margin), slice(top + margin, bottom - margin)

    def around(edge: int) -> slice:
        return slice(edge - margin, edge + margin + 1)

    right_shift = _mean(shift(down, around(left), 0), shift(down, around(right), 0))
    down_shift = _mean(shift(around(top), across, 1), shift(around(bottom), across, 1))
    middle_x, middle_y = (left + right) / 2 + right_shift, (top + bottom) / 2 + down_shift
    return round(middle_x - width / 2), round(middle_y - height / 2)


def _mean(*shifts: float | None) -> float:
    """Returns the mean of the lines that were found, 0 if none was."""
    found = [shift for shift in shifts if shift is not None]
    return sum(found) / len(found) if found else 0.0


def _letter(shares: Floats) -> Floats | None:
    """Returns the ink of the letter in a box, cropped to it; None if the box is empty.

    Args:
        shares: float32 `[h, w]`, the share of ink inside the frame.
    """
    labels, count = _ndimage.label(shares > _WRITTEN, np.ones((3, 3)))
    written = np.zeros(shares.shape, bool)
    for label, box in enumerate(_ndimage.find_objects(labels, count), 1):
        piece = labels[box] == label
        if max(piece.shape) >= _SPECK * _RESOLUTION and (shares[box] * piece).max() > _STROKE:
            written[box] |= piece
    # Includes the soft edges of strokes.
    written = _ndimage.binary_dilation(written, iterations=2)
    if not written.any():
        return None
    (box,) = _ndimage.find_objects(written.astype(np.uint8))
    if max(shares[box].shape) < _LEAST_LETTER * _RESOLUTION:
        return None
    return np.where(written[box], shares[box], 0)

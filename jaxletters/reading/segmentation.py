"""From a photograph or a scan of letters in a row to images like EMNIST's or MNIST's."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from jaxletters.data import resize

Floats = NDArray[np.floating[Any]]
Box = tuple[int, int, int, int]

# Pixels of a letter's image, and of the finer one that it is the mean of.
SIDE, _FINE = 28, 4


class Canvas(NamedTuple):
    """How a dataset's authors placed what is written.

    Attributes:
        margin: blank pixels around it, before it is blurred.
        strokes: how wide strokes are, in pixels of a letter's image: nine of ten are.
        by_mass: whether the centre of mass is in the middle rather than that of the box.
    """

    margin: int
    strokes: tuple[float, float]
    by_mass: bool


# By the names that `resize.CHARACTERS` has.
CANVASES = {"emnist": Canvas(3, (2.2, 4.0), False), "mnist": Canvas(4, (1.8, 3.3), True)}
_BLUR = 0.5
# A photograph is reduced to so many pixels along its longer side; more tell nothing of a letter.
_LONGEST = 1000
# Pixels that tell the colour of paper.
_SAMPLES = 10_000
# How far ink must differ from paper, of 255, and how many times what paper differs from itself.
_LEAST_CONTRAST, _LEAST_SIGNAL = 20, 4
# Shares of full ink: where there is some, and what must be reached somewhere in a stroke.
_FAINT, _FULL = 0.4, 0.65
# Shares of the tallest part's height: what is a speck, and what is a dot or a bar of another part.
_SPECK, _DOT = 0.06, 0.4
# ... and how near to each other strokes are one part.
_NEAR = 0.08
# More strokes than that are a pattern, not letters in a row.
_MOST_PARTS = 300
# The share of the narrower one's width from which on two parts above each other are one letter.
_OVERLAP = 0.5


class Letter(NamedTuple):
    """A letter found in a photograph.

    Attributes:
        box: (left, top, right, bottom) in the photograph's pixels, the last two exclusive.
        image: uint8 `[28, 28]`, 0 = paper and 255 = ink, as EMNIST's or MNIST's.
    """

    box: Box
    image: NDArray[np.uint8]


def letters(photograph: NDArray[np.uint8], canvas: str = "emnist") -> list[Letter]:
    """Returns the letters in a photograph from left to right, none where nothing is written.

    Paper is what most of it is, light or dark, and may be lit unevenly; ink is what differs from it in
    any colour. Parts that lie above each other are one letter.

    Args:
        photograph: uint8 `[h, w, 3]`.
        canvas: whose images the network learned from, one of CANVASES: EMNIST's letters have their box in the
            middle, MNIST's digits are smaller and have their centre of mass there.
    """
    step = -(-max(photograph.shape[:2]) // _LONGEST)
    if min(photograph.shape[:2]) < step:
        return []  # so long and thin that nothing of it is left
    ink = _ink(_reduced(photograph, step))
    labels, parts = _parts(ink)
    found = []
    for group in _groups(parts):
        left, top = (min(part.box[edge] for part in group) for edge in (0, 1))
        right, bottom = (max(part.box[edge] for part in group) for edge in (2, 3))
        inside = slice(top, bottom), slice(left, right)
        own = np.isin(labels[inside], [part.label for part in group])
        # A stroke's soft edge is the letter's as well, but not what belongs to another.
        own = ndimage.binary_dilation(own, iterations=2)
        image = _centred(np.where(own, ink[inside], 0), CANVASES[canvas])
        box = (step * left, step * top, step * right, step * bottom)
        found.append(Letter(box, image))
    return sorted(found, key=lambda letter: letter.box[0] + letter.box[2])


def _reduced(photograph: NDArray[np.uint8], step: int) -> Floats:
    """Means over squares of `step` pixels: float32 `[h // step, w // step, 3]`."""
    height, width = (size // step for size in photograph.shape[:2])
    whole = photograph[: height * step, : width * step].astype(np.float32)
    return whole.reshape(height, step, width, step, -1).mean((1, 3))


def _ink(image: Floats) -> Floats:
    """Returns how much ink there is, 0 for paper and 1 for what is written: float32 `[h, w]`."""
    difference = np.sqrt(np.square(image - _paper(image)).mean(axis=2))
    difference = ndimage.gaussian_filter(difference, max(image.shape[:2]) / _LONGEST)
    written = difference > _otsu(difference)
    if not written.any():
        return np.zeros_like(difference)
    noise, full = np.median(difference), np.median(difference[written])
    if full < max(_LEAST_CONTRAST, _LEAST_SIGNAL * noise):
        return np.zeros_like(difference)
    return np.clip((difference - noise) / (full - noise), 0, 1)


def _paper(image: Floats) -> Floats:
    """Returns the colour of paper everywhere: a quadratic surface that most pixels lie close to.

    Fitted by iteratively reweighted least squares (Huber, Robust Statistics, 1981, section 7.8), because
    what is written must not bend it.
    """
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape[:2])
    some = np.arange(0, len(y) * len(x), -(-len(y) * len(x) // _SAMPLES))
    at_y, at_x, colours = y[some // len(x)], x[some % len(x)], image.reshape(-1, 3)[some]
    terms = np.stack([np.ones_like(at_x), at_x, at_x**2, at_y, at_y**2, at_x * at_y], axis=1)
    surface = np.broadcast_to(np.median(colours, axis=0), colours.shape)
    factors = np.zeros((terms.shape[1], 3), np.float32)
    for _ in range(12):
        distance = np.linalg.norm(colours - surface, axis=1)
        scale = 2 * np.median(distance) + 2
        weighted = terms / (1 + np.square(distance / scale))[:, None] ** 2
        squares = weighted.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32)
        factors = np.linalg.solve(squares, weighted.T @ colours)
        surface = terms @ factors
    columns = np.stack([np.ones_like(x), x, x**2], axis=1) @ factors[:3]
    rows = np.stack([y, y**2], axis=1) @ factors[3:5]
    return rows[:, None] + columns + np.outer(y, x)[..., None] * factors[5]


def _otsu(values: Floats) -> float:
    """The threshold that parts values best into two groups (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums / below - (sums[-1] - sums) / above
        between = np.nan_to_num(below * above * np.square(apart))
    # Where nothing lies between the groups, in the middle.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float((edges[best[0] + 1] + edges[best[-1] + 1]) / 2)


class _Part(NamedTuple):
    """A connected stroke: its number in the image of labels, and its box, (left, top, right, bottom)."""

    label: int
    box: Box

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    def gap(self, other: "_Part", axis: int) -> int:
        """Returns how far both are apart along x (0) or y (1); negative is how far they overlap."""
        starts, ends = (self.box[axis], other.box[axis]), (self.box[axis + 2], other.box[axis + 2])
        return max(starts) - min(ends)

    def distance(self, other: "_Part") -> float:
        """Returns how far both are apart; to the side counts double, as a dot is above its letter."""
        return float(np.hypot(max(self.gap(other, 1), 0), 2 * max(self.gap(other, 0), 0)))


def _parts(ink: Floats) -> tuple[NDArray[np.int32], list[_Part]]:
    """Returns a label for every pixel, and the connected strokes, specks left out."""
    written = ink > _FAINT
    tallest = max((part.height for part in _strokes(_labelled(written), ink)), default=0)
    # Strokes that nearly touch were meant to.
    near = _depth(~written) <= _NEAR * tallest / 2
    labels = np.where(written, _labelled(near), 0)
    strokes = _strokes(labels, ink)
    least = _SPECK * tallest
    large = [stroke for stroke in strokes if max(stroke.width, stroke.height) > least]
    return labels, large if len(large) <= _MOST_PARTS else []


def _strokes(labels: NDArray[np.int32], ink: Floats) -> list[_Part]:
    """Returns what has ink that is full somewhere."""
    boxes = ndimage.find_objects(labels)
    return [
        _Part(int(label), (columns.start, rows.start, columns.stop, rows.stop))
        for label in np.unique(labels[ink > _FULL])
        for rows, columns in [boxes[label - 1]]
    ]


def _labelled(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Returns the number of the connected part that each pixel is in, 0 outside of the mask."""
    found: Any = ndimage.label(mask, np.ones((3, 3)))
    return found[0]


def _depth(mask: NDArray[np.bool_]) -> Floats:
    """Returns how far each pixel of a mask is from the nearest that is not in it."""
    found: Any = ndimage.distance_transform_edt(mask)
    return found


def _groups(parts: list[_Part]) -> list[list[_Part]]:
    """Returns letters: parts above each other, and the dots and bars that are nearest to them."""
    tallest = max((part.height for part in parts), default=0)
    large = [part for part in parts if part.height >= _DOT * tallest]
    groups: list[list[_Part]] = []
    for part in large:
        above = [g for g in groups if any(_overlap(part, other) for other in g)]
        groups = [g for g in groups if g not in above] + [[part, *(p for g in above for p in g)]]
    for part in parts:
        if part not in large:
            apart = [min(part.distance(other) for other in group) for group in groups]
            if min(apart) < tallest / 2:
                groups[int(np.argmin(apart))].append(part)
    return groups


def _overlap(one: _Part, other: _Part) -> bool:
    return -one.gap(other, 0) >= _OVERLAP * min(one.width, other.width)


def _centred(ink: Floats, canvas: Canvas) -> NDArray[np.uint8]:
    """Returns a letter as a canvas has it, its strokes as wide as is usual there: uint8 `[28, 28]`."""
    room = _FINE * (SIDE - 2 * canvas.margin)
    mask = _placed(ink, room)
    width = _stroke_width(mask) / _FINE
    wider = _FINE * (np.clip(width, *canvas.strokes) - width) / 2
    if wider > 0:
        mask = _placed(ink, room - 2 * wider)
        mask = _depth(~mask) <= wider
    elif wider < 0:
        mask = _depth(mask) > -wider
    if canvas.by_mass and mask.any():
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        mask = resize.centred(mask[box], np.zeros_like(mask), mask[box])
    fine = mask.reshape(SIDE, _FINE, SIDE, _FINE)
    soft = ndimage.gaussian_filter(fine.mean((1, 3)), _BLUR)
    return np.rint(255 * soft / max(soft.max(), 1e-6)).astype(np.uint8)


def _placed(ink: Floats, room: float) -> NDArray[np.bool_]:
    """Returns where a letter's ink is in the middle of the finer image, its longer side of `room` pixels."""
    height, width = (max(round(size * room / max(ink.shape)), 1) for size in ink.shape)
    sized = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    canvas = np.zeros((_FINE * SIDE, _FINE * SIDE), bool)
    return resize.centred(np.asarray(sized) > 0.5, canvas)


def _stroke_width(mask: NDArray[np.bool_]) -> float:
    """Returns how wide strokes are, in pixels: twice the distance from the middle of one to its edge."""
    distance = _depth(mask)
    middle = (distance == ndimage.maximum_filter(distance, 5)) & mask
    return float(2 * np.median(distance[middle]) - 1) if middle.any() else 0.0

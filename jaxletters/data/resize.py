"""Resizes pictures of any size to images of one size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# The pixels, of 28, of a character's longer side, and whether its centre of mass or that of its bounding box
# is in the middle: Cohen et al. 2017, section II; LeCun, Cortes, Burges: The MNIST database.
CHARACTERS = {"emnist": (24, False), "mnist": (20, True)}
_CANVAS = 28
# Ink differs from paper by this share of the largest difference (on clean paper; in photographs and
# compressed pictures), which is at least _LEAST of 255.
_SHARES, _LEAST = (0.1, 0.35), 20


def fit(
    picture: NDArray[np.uint8], size: tuple[int, ...], channels: int, how: str
) -> NDArray[np.uint8]:
    """Returns a picture as an image: uint8 `[*size]`, or `[*size, 3]` where `channels` is 3.

    Grey is ITU-R 601's luma. A picture of that size keeps its pixels, unless a character is centred.

    Args:
        picture: uint8 `[h, w]` or `[h, w, 3]`.
        size: (height, width) in pixels.
        channels: 1 or 3.
        how: "pad" (as large as fits, on the median of the border's pixels), "crop" (its middle), "stretch",
            or the way of the authors of MNIST or EMNIST: "mnist", "emnist". For these, a grey picture shows
            one character, bright on dark; in colour, the character differs from the border.
    """
    picture = grey(picture) if channels == 1 else colour(picture)
    if (how := how.removeprefix("single_")) in CHARACTERS:
        return _character(picture, size, how)
    height, width = picture.shape[:2]
    if (height, width) == tuple(size):
        return picture
    if how == "pad":
        blank = np.full((*size, *picture.shape[2:]), _paper(picture)).astype(np.uint8)
        return centred(_resized(picture, _within((height, width), size)), blank)
    if how == "crop":
        scale = max(size[0] / height, size[1] / width)
        down, right = min(size[0] / scale, height), min(size[1] / scale, width)
        edges = (width - right, height - down, width + right, height + down)
        return _resized(picture, size, tuple(edge / 2 for edge in edges))
    return _resized(picture, size)


def single(how: str) -> str:
    """Returns the `DatasetInfo.fit` of a source that resizes pictures of one character in this way."""
    return f"single_{how}" if how in CHARACTERS else how


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the luma of a picture: uint8 `[h, w]`; a grey picture is returned unchanged."""
    return picture if picture.ndim == 2 else np.asarray(Image.fromarray(picture).convert("L"))


def darkness(picture: NDArray[np.uint8]) -> int:
    """Returns 1 if the content of a grey picture is darker than its border, -1 if lighter, 0 if blank."""
    below = float(_paper(picture) - picture.mean())
    return int(np.sign(below)) if np.ptp(picture) >= _LEAST else 0


def centred(
    ink: NDArray[Any], canvas: NDArray[Any], mass: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Returns a canvas with ink in its middle.

    Args:
        ink: `[h, w]` or `[h, w, 3]`.
        canvas: at least as high and wide; modified in place.
        mass: `[h, w]`, not 0 everywhere; its centre is placed in the middle, instead of that of the box,
            to the nearest pixel and without cutting off ink.
    """
    room = [outer - inner for outer, inner in zip(canvas.shape[:2], ink.shape[:2], strict=True)]
    start = [spare // 2 for spare in room]
    lines: list[NDArray[np.float64]] = []
    if mass is not None:
        lines = [mass.sum(1, np.float64), mass.sum(0, np.float64)]
    for axis, line in enumerate(lines):
        middle = float(line @ np.arange(len(line)) / line.sum())
        start[axis] = int(np.clip(round((canvas.shape[axis] - 1) / 2 - middle), 0, room[axis]))
    top, left = start
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return canvas


def _character(picture: NDArray[np.uint8], size: tuple[int, ...], how: str) -> NDArray[np.uint8]:
    """Returns a character in the middle of a black image, or in colour, of its paper."""
    side, by_mass = CHARACTERS[how]
    paper = _paper(picture)
    above: NDArray[np.float32] = (picture - paper).astype(np.float32)
    if picture.ndim == 2:
        paper, above = np.float64(0), np.clip(above, 0, None)
    ink = np.abs(np.atleast_3d(above)).max(axis=2)
    written = np.argwhere(ink > _SHARES[bool(_border(ink).any())] * ink.max())
    canvas = np.zeros((*size, *picture.shape[2:]), np.float32)
    if len(written) and ink.max() >= _LEAST:
        box = tuple(slice(a, b + 1) for a, b in zip(written.min(0), written.max(0), strict=True))
        room = _within(ink[box].shape, tuple(max(round(s * side / _CANVAS), 1) for s in size))
        small = _resized(ink[box], room)
        mass = small if by_mass else None
        if picture.ndim == 2:
            centred(small * 255 / small.max(), canvas, mass)
        # Channel by channel, because Pillow cannot resize colours as floats.
        for channel in range(3) if picture.ndim == 3 else ():
            centred(_resized(above[box][..., channel], room), canvas[..., channel], mass)
    return np.rint(np.clip(canvas + paper, 0, 255)).astype(np.uint8)


def colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a picture as uint8 `[h, w, 3]`."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _border(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the pixels at the edges: `[n]` or `[n, 3]`."""
    rows, columns = picture[[0, -1]], picture[1:-1, [0, -1]]
    return np.concatenate([edge.reshape(-1, *picture.shape[2:]) for edge in (rows, columns)])


def _paper(picture: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    """Returns the median of the border's pixels: a number, or one per colour."""
    return np.floor(np.median(_border(picture), axis=0))


def _within(old: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, int]:
    """Returns the largest (height, width) that has the old proportions and fits into a size."""
    scale = min(size[0] / old[0], size[1] / old[1])
    height, width = (max(round(scale * old[axis]), 1) for axis in (0, 1))
    return height, width


def _resized(
    picture: NDArray[Any],
    size: tuple[int, ...],
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[Any]:
    """Returns a picture, or a box of it, resampled.

    Neither filter has negative weights, so no value leaves the range of the picture.
    """
    height, width = size
    smaller = height * width < picture.shape[0] * picture.shape[1]
    method = Image.Resampling.HAMMING if smaller else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((width, height), method, box))

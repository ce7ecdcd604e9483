"""Finds a sheet of paper on another ground, such as a desk."""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from jaxletters.reading import quadrilateral
from jaxletters.reading.paper import Floats

Box = tuple[int, int, int, int]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# The search reduces the picture to at most this many pixels along the longer side.
_SIDE = 200
# Thresholds between ground and sheet that are tried, as shares of the range from dark to bright.
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
# The ground is darker than this share of the sheet. Shadows are lighter.
_DARKER = 0.5
# Share of a side along which the ground must be darker.
_LEAST_EDGE = 0.85
# Objects on the ground of at least this size are reported, as a share of the longer side of the picture.
_LARGE_THING = 0.05
# The margin along the edge of a sheet that is left out, as a share of the longer side of the picture.
_MARGIN = 0.008


class Sheet(NamedTuple):
    """A sheet in a picture.

    Attributes:
        corners: float64 `[4, 2]`, (x, y) of the top left, top right, bottom right and bottom left corner in
            pixels of the picture, None if the whole picture is paper.
        outside: boxes of large objects on the ground of the sheet, in pixels of the picture.
    """

    corners: NDArray[np.float64] | None
    outside: list[Box]


def find_sheet(picture: NDArray[np.uint8]) -> Sheet:
    """Returns the sheet in a picture.

    Args:
        picture: uint8 `[h, w, 3]`.
    """
    step = -(-max(picture.shape[:2]) // _SIDE)
    if min(picture.shape[:2]) < 20 * step:
        return Sheet(None, [])
    small = np.asarray(Image.fromarray(picture).reduce(step), np.float32)
    best, best_score = None, 0.0
    for bright in (small.min(axis=2), small.mean(axis=2)):
        low, high = np.percentile(bright, (2, 98))
        if high - low < 40 or _is_paper(bright, low, high):
            continue
        for share in _THRESHOLDS:
            found = quadrilateral.fit(bright > low + share * (high - low))
            score = 0.0 if found is None else found[1] * _edge_share(small, found[0])
            if found is not None and score > best_score:
                best, best_score = found[0], score
    if best is None:
        return Sheet(None, [])
    outside = [
        (step * left, step * top, step * right, step * bottom)
        for left, top, right, bottom in _on_the_ground(small, best)
    ]
    return Sheet(step * _inside(best, small.shape), outside)


def _on_the_ground(small: Floats, corners: NDArray[np.float64]) -> list[Box]:
    """Returns the boxes of large objects on the ground that are about as bright as the sheet."""
    grey = small.min(axis=2)
    sheet = quadrilateral.mask_of(corners, grey.shape)
    ground = ~_ndimage.binary_dilation(sheet, iterations=4)
    if not ground.any():
        return []
    threshold = (np.median(grey[sheet]) + np.median(grey[ground])) / 2
    bright = _ndimage.binary_closing(ground & (grey > threshold), np.ones((3, 7)))
    boxes = _ndimage.find_objects(_ndimage.label(bright, np.ones((3, 3)))[0])
    least = _LARGE_THING * max(grey.shape)
    return [
        (x.start, y.start, x.stop, y.stop)
        for y, x in boxes
        if max(y.stop - y.start, x.stop - x.start) > least
    ]


def _is_paper(bright: Floats, low: float, high: float) -> bool:
    """Returns whether all four edges of a picture are about as bright as its brightest part."""
    edges = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    return float((edges < low + 0.6 * (high - low)).mean()) < 0.04


def _edge_share(small: Floats, corners: NDArray[np.float64]) -> float:
    """Returns along which share of a side the ground is much darker, the least over the sides.

    The darkest channels of ground and sheet are compared. Sides along the border of the picture do not
    count. The result is 0 if it would be below `_LEAST_EDGE`, or if no side counts.
    """
    size = small.shape[1], small.shape[0]
    shares: list[float] = []
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if quadrilateral.at_border(start, stop, size):
            continue
        direction = (stop - start) / max(np.linalg.norm(stop - start), 1e-9)
        outward = np.array([direction[1], -direction[0]])
        places = start + np.linspace(0.03, 0.97, 60)[:, None] * (stop - start)
        inner, outer = places - 3.5 * outward, places + 2.5 * outward
        seen = ((inner > 0) & (inner < size) & (outer > 0) & (outer < size)).all(axis=1)
        if not seen.any():
            continue
        sheet, ground = (
            small[places[seen, 1].astype(int), places[seen, 0].astype(int)]
            for places in (inner, outer)
        )
        darker = ground.min(axis=1) < _DARKER * sheet.min(axis=1)
        shares.append(float(darker.mean()))
    return min(shares) if shares and min(shares) >= _LEAST_EDGE else 0.0


def _inside(corners: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the corners with the sides moved inwards by the margin, except those at the border."""
    size = shape[1], shape[0]
    margin = 1 + _MARGIN * max(shape)
    equations: list[NDArray[np.float64]] = []
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        direction = (stop - start) / np.linalg.norm(stop - start)
        inward = np.array([-direction[1], direction[0]])
        moved = start if quadrilateral.at_border(start, stop, size) else start + margin * inward
        equations.append(np.append(inward, inward @ moved))
    lines = np.stack(equations)
    moved_corners = np.empty((4, 2))
    for k in range(4):
        moved_corners[k] = np.linalg.solve(lines[[k - 1, k], :2], lines[[k - 1, k], 2])
    return moved_corners

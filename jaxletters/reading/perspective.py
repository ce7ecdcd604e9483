"""Homographies: a sheet in perspective as an upright rectangle, and points from there back to the picture."""

from typing import Any, NamedTuple, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from PIL import Image

from jaxletters.reading.paper import Floats

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations


class Rectified(NamedTuple):
    """A sheet as an upright rectangle.

    Attributes:
        image: float32 `[h, w, 3]`.
        homography: from its pixels to those of the picture, float64 `[3, 3]`.
        beyond: bool `[h, w]`, the pixels that are not in the picture, None if all are.
    """

    image: Floats
    homography: NDArray[np.float64]
    beyond: NDArray[np.bool_] | None


def rectify(
    picture: NDArray[np.uint8], corners: NDArray[np.float64] | None, side: int
) -> Rectified:
    """Returns a sheet as an upright rectangle, reduced to at most `side` pixels along its longer side.

    Args:
        picture: uint8 `[h, w, 3]`.
        corners: of the sheet, see `Sheet`; None for the whole picture, which is then reduced by a whole
            number.
        side: pixels.
    """
    image = Image.fromarray(picture)
    if corners is None:
        step = -(-max(picture.shape[:2]) // side)
        height, width = (size // step for size in picture.shape[:2])
        reduced = image.reduce(step, (0, 0, width * step, height * step)) if step > 1 else image
        return Rectified(np.asarray(reduced, np.float32), np.diag([float(step), step, 1]), None)
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    scale = max(max(width, height) / side, 1)
    size = max(round(width / scale), 1), max(round(height / scale), 1)
    box = np.array([(0, 0), (size[0], 0), size, (0, size[1])], np.float64)
    transform = homography(box, corners)
    step = max(int(scale), 1)
    reduced = image.reduce(step) if step > 1 else image
    warped = np.asarray(_warp(reduced, transform, step, size), np.float32)
    if (corners >= 0).all() and (corners <= np.array(image.size)).all():
        return Rectified(warped, transform, None)
    there = _warp(Image.new("L", reduced.size, 255), transform, step, size)
    beyond = _ndimage.binary_dilation(np.asarray(there) < 255, np.ones((3, 3)), iterations=2)
    warped = np.where(beyond[..., None], np.median(warped[~beyond], axis=0), warped)
    return Rectified(warped, transform, beyond)


def _warp(
    image: Image.Image, transform: NDArray[np.float64], step: int, size: tuple[int, int]
) -> Image.Image:
    """Returns an image, reduced by `step`, under the inverse of a homography of the whole one."""
    to_reduced = np.diag([1 / step, 1 / step, 1]) @ transform
    factors = (to_reduced / to_reduced[2, 2]).ravel()[:8].tolist()
    return image.transform(size, Image.Transform.PERSPECTIVE, factors, Image.Resampling.BILINEAR)


def homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the homography that maps four points to four others."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(source.tolist(), target.tolist(), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solution = np.linalg.solve(np.array(rows), target.ravel())
    return np.append(solution, 1).reshape(3, 3)


def project(transform: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns points after a homography: float64 `[n, 2]`, (x, y)."""
    there = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return there[:, :2] / there[:, 2:]

"""Fits a quadrilateral to the largest region of a mask: a sheet of paper in perspective."""

from typing import Any, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from jaxletters.reading.paper import Floats

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# The area of a sheet, as a share of the picture.
_SMALLEST, _LARGEST = 0.15, 0.985
# The share of the ground that may be as bright as the sheet.
_BRIGHT_GROUND = 0.25
# The least shares of areas: bright pixels in the convex hull of the sheet, the sheet in its convex hull, and
# the intersection of sheet and quadrilateral in their union.
_LEAST_PAPER, _LEAST_CONVEX, _LEAST_STRAIGHT = 0.7, 0.92, 0.93
# How far corners may lie outside of the picture, as a share of its size.
_BEYOND = 0.35


def fit(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float] | None:
    """Fits a quadrilateral to the largest region of a mask.

    Its convex hull is reduced to four sides, and these are fitted to the outline.

    Args:
        mask: bool `[h, w]`.

    Returns:
        The corners, float64 `[4, 2]`, (x, y) in pixels, clockwise from the top left, and the intersection of
        region and quadrilateral over their union. None if the region is too small or large, or is no
        quadrilateral.
    """
    height, width = mask.shape
    labels, count = _ndimage.label(_ndimage.binary_opening(mask, np.ones((3, 3))))
    if not count:
        return None
    region = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    area = region.sum()
    if not _SMALLEST * mask.size < area < _LARGEST * mask.size:
        return None
    region = _ndimage.binary_fill_holes(region)
    points = _outline(region)
    hull = _convex_hull(points)
    x, y = hull.T
    hull_area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    if area < _LEAST_PAPER * hull_area or region.sum() < _LEAST_CONVEX * hull_area:
        return None
    corners = _four_sides(hull, (width, height))
    if corners is None:
        return None
    corners = _refined(corners, points, (width, height))
    limits = _BEYOND * np.array([width, height])
    if (corners < -limits).any() or (corners > np.array([width, height]) + limits).any():
        return None
    inside = mask_of(corners, mask.shape)
    ground = ~(region | inside)
    if (mask & ground).sum() > _BRIGHT_GROUND * ground.sum():
        return None
    share = (region & inside).sum() / (region | inside).sum()
    return (corners, float(share)) if share > _LEAST_STRAIGHT else None


def _outline(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns the ends of the rows and columns of a region: float64 `[n, 2]`, (x, y)."""
    height, width = region.shape
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    left, right = region[rows].argmax(axis=1), width - region[rows, ::-1].argmax(axis=1)
    top, bottom = (
        region[:, columns].argmax(axis=0),
        height - region[::-1][:, columns].argmax(axis=0),
    )
    x = np.concatenate([left, right, columns + 0.5, columns + 0.5])
    y = np.concatenate([rows + 0.5, rows + 0.5, top, bottom])
    return np.stack([x, y], axis=1).astype(np.float64)


def _convex_hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the corners of the convex hull in the order of its outline (Andrew 1979)."""
    ordered: list[list[float]] = np.unique(points, axis=0).tolist()
    hull: list[list[float]] = []
    for sequence in (ordered, ordered[::-1]):
        half: list[list[float]] = []
        for x, y in sequence:
            while len(half) > 1 and (
                (half[-1][0] - half[-2][0]) * (y - half[-2][1])
                <= (half[-1][1] - half[-2][1]) * (x - half[-2][0])
            ):
                half.pop()
            half.append([x, y])
        hull += half[:-1]
    return np.array(hull)


def _four_sides(hull: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64] | None:
    """Returns the corners of a quadrilateral around a convex polygon, None if sides are parallel.

    Sides are left out one by one, each time the one that adds the least area inside of the picture.
    """
    polygon = hull
    while len(polygon) > 4:
        before, start, stop, after = (np.roll(polygon, shift, axis=0) for shift in (1, 0, -1, -2))
        tips = _crossings(before, start, stop, after)
        added = np.array(
            [
                _area_inside(np.array([a, tip, b]), size) if np.isfinite(tip).all() else np.inf
                for a, tip, b in zip(start, tips, stop, strict=True)
            ]
        )
        k = int(np.argmin(added))
        if not np.isfinite(added[k]):
            return None
        polygon = polygon.copy()
        polygon[k] = tips[k]
        polygon = np.delete(polygon, (k + 1) % len(polygon), axis=0)
    if len(polygon) < 4:
        return None
    # Clockwise on the screen, from the corner nearest to the top left.
    centre = polygon.mean(axis=0)
    order = np.argsort(np.arctan2(*(polygon - centre).T[::-1]))
    polygon = polygon[order]
    return np.roll(polygon, -int(np.argmin(polygon.sum(axis=1))), axis=0)


def _crossings(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns where the lines from a through b and from d through c meet beyond b and c, else NaN."""
    first, second = b - a, c - d
    across = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    between = c - b
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (between[:, 0] * second[:, 1] - between[:, 1] * second[:, 0]) / across
        back = (between[:, 0] * first[:, 1] - between[:, 1] * first[:, 0]) / across
    meets = np.isfinite(along) & (along >= 0) & (back >= 0)
    along[~meets] = np.nan
    return b + along[:, None] * first


def _area_inside(triangle: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Returns the area of a triangle, of which the part outside of the picture hardly counts."""
    clipped = triangle.clip(0, size)
    return _area(clipped) + 0.02 * _area(triangle)


def _area(triangle: NDArray[np.float64]) -> float:
    (ax, ay), (bx, by) = triangle[1] - triangle[0], triangle[2] - triangle[0]
    return abs(ax * by - ay * bx) / 2


def _refined(
    corners: NDArray[np.float64], points: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Returns the corners of four lines, each fitted to the points of the outline near its side."""
    lines: list[NDArray[np.float64]] = []
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        direction = (stop - start) / max(np.linalg.norm(stop - start), 1e-9)
        normal = np.array([-direction[1], direction[0]])
        if at_border(start, stop, size):
            lines.append(np.append(normal, normal @ start))
            continue
        offset, along = (points - start) @ normal, (points - start) @ direction
        length = np.linalg.norm(stop - start)
        inside = ((points > 1.5) & (points < np.array(size) - 1.5)).all(axis=1)
        near = (np.abs(offset) < 4) & (along > 0.03 * length) & (along < 0.97 * length) & inside
        slope, height = 0.0, 0.0
        if near.sum() > 8:
            for _ in range(4):
                rest = offset - height - slope * along
                weights = near / (1 + np.square(rest)) ** 2
                slope, height = _weighted_line(along, offset, weights)
        moved = normal - slope * direction
        anchor = start + height * normal
        lines.append(np.append(moved, moved @ anchor))
    equations = np.stack(lines)
    result = corners.copy()
    for k in range(4):
        pair = equations[[k - 1, k]]
        if abs(np.linalg.det(pair[:, :2])) > 0.05:
            result[k] = np.linalg.solve(pair[:, :2], pair[:, 2])
    return result


def _weighted_line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    total = weights.sum() + 1e-9
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * np.square(x - mean_x)).sum()
    slope = (weights * (x - mean_x) * (y - mean_y)).sum() / max(spread, 1e-9)
    return float(slope), float(mean_y - slope * mean_x)


def at_border(start: NDArray[np.float64], stop: NDArray[np.float64], size: tuple[int, int]) -> bool:
    """Returns whether a side lies along the border of the picture, or outside of it."""
    return any(
        (start[axis] < 1.5 and stop[axis] < 1.5)
        or (start[axis] > size[axis] - 1.5 and stop[axis] > size[axis] - 1.5)
        for axis in (0, 1)
    )


def mask_of(corners: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Returns the pixels in a convex quadrilateral."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.ones(shape[:2], bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    return inside

"""The colour of paper at each pixel: its tint, its light, and the shadows on it."""

from typing import Any, cast

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_ndimage = cast(Any, scipy.ndimage)  # has no type annotations

# Pixels to which the colour of the paper is fitted, at most.
_SAMPLES = 10_000
# The window of the closing is wider than strokes and narrower than shadows: this share of the longer side,
# but at most so many times the mean width of strokes.
_WIDEST_STROKE, _WIDEST_OF_MEAN = 0.15, 5
# A relative change of the light below the first limit is noise, one above the second a shadow. Light below
# the third belongs to a dark object; light above the fourth, on a board, to chalk.
_NO_SHADOW, _SHADOW, _DARKEST, _BRIGHTEST = 0.06, 0.1, 0.15, 2.0
# Ink that covers more than the first share of a picture and differs from the paper by more than the second
# factor, which shadows do not, is bold.
_MUCH_INK, _MOST_SHADOW = 0.15, 3.0
# The inside of a stroke is darker than the light that is estimated there by more than the first factor. Or it
# is darker than the paper around it by more than the second, and its edge is at most so many pixels wide.
_DARKER_THAN_LIGHT, _DARKER_THAN_PAPER, _SHARP_EDGE = 1.15, 1.3, 3
# Shadows are searched in an image with about this many pixels along the longer side.
_COARSE_SIDE = 300


def difference(image: Floats, blur: float) -> Floats:
    """Returns how much the pixels of an image differ from its paper, as if it had no shadows.

    Args:
        image: float32 `[h, w, 3]`, 0 to 255.
        blur: standard deviation in pixels of the blur that suppresses noise.

    Returns:
        float32 `[h, w]`, the root mean square over the channels.
    """
    factors = _fit(image)
    light = _light(image, factors)
    squares: Floats = np.zeros(image.shape[:2], np.float32)
    for channel in range(3):
        values = image[..., channel] if light is None else image[..., channel] / light
        squares += np.square(values - _surface(factors[:, channel], image.shape))
    return _ndimage.gaussian_filter(np.sqrt(squares / 3), blur)


def _light(image: Floats, factors: Floats) -> Floats | None:
    """Returns the light relative to the fitted surface, float32 `[h, w]`, None without shadows.

    A grey closing (an opening for chalk) with a window wider than strokes removes ink and keeps the edges
    of shadows where they are.
    """
    grey: Floats = image @ np.full(3, 1 / 3, np.float32)
    base: Floats = np.maximum(_surface(factors.mean(axis=1), image.shape), 1)
    step = max(grey.shape) // _COARSE_SIDE + 1
    coarse, coarse_base = grey[::step, ::step], base[::step, ::step]
    sign = -1 if _is_chalk(coarse, coarse_base) else 1
    window = int(_WIDEST_STROKE * max(coarse.shape))
    # Beyond the border is paper, so that a stroke at the border ends there.
    closed = sign * _without_strokes(sign * coarse, coarse_base, window, np.inf)
    if (np.abs(closed - 1) < _NO_SHADOW).all():
        return None
    depth = np.abs(coarse / coarse_base / np.maximum(closed, _DARKEST) - 1)
    window = min(window, round(_WIDEST_OF_MEAN * pen_width(depth > otsu_threshold(depth))))
    # A shadow at the border continues beyond it.
    smooth = sign * _ndimage.uniform_filter(grey, 3)
    closed = sign * _without_strokes(smooth, base, step * window, None)
    closed = _without_thick_strokes(closed, sign * smooth / base, sign)
    if sign < 0:
        # Light does not vary so much on a board: this is the inside of a thick stroke of chalk.
        closed = np.where(closed > _BRIGHTEST, 1, closed)
    gate = np.clip((np.abs(closed - 1) - _NO_SHADOW) / (_SHADOW - _NO_SHADOW), 0, 1)
    return np.maximum(1 + gate * (closed - 1), _DARKEST)


def _is_chalk(grey: Floats, base: Floats) -> bool:
    """Returns whether ink is lighter than the paper.

    Ink covers the smaller part of its neighbourhood, whatever the shadows, so that the distribution of
    differences from local means is skewed. Where strokes are so wide that they fill a neighbourhood, they
    cover much of the picture, and differ from the surface by more than shadows do.

    Args:
        grey: float32 `[h, w]`.
        base: float32 `[h, w]`, the surface that is fitted to the paper.
    """
    logarithm = np.log(np.maximum(grey, 4))
    differences = logarithm - np.log(np.maximum(base, 4))
    strong = np.abs(differences) > np.log(_MOST_SHADOW)
    if strong.mean() < _MUCH_INK:
        window = int(2 * _WIDEST_STROKE * max(grey.shape)) + 1
        differences = logarithm - _ndimage.uniform_filter(logarithm, window)
    return bool((differences * differences * differences).mean() > 0)


def _without_strokes(grey: Floats, base: Floats, window: int, beyond: float | None) -> Floats:
    """Returns the light on the paper relative to a surface.

    The closing of the grey image and the closing of its ratio to the surface are both upper bounds of the
    light. The first is tighter in half-shadows, the second where light falls off towards the border.
    """
    return np.minimum(_closing(grey, window, beyond) / base, _closing(grey / base, window, beyond))


def _without_thick_strokes(light: Floats, grey: Floats, sign: int) -> Floats:
    """Returns the light without the insides of strokes and shapes that are wider than the window: 1 there.

    A region of the light is the inside of a stroke if most of its pixels are darker than the light, because
    most of a shadow is paper. It also is if it has a sharp edge all around: a shadow is cast from outside of
    the picture or has a soft edge.

    Args:
        light: float32 `[h, w]`, the closing of the image, relative to the surface.
        grey: float32 `[h, w]`, the image relative to the surface.
        sign: -1 for chalk, whose regions are lighter than the paper, else 1.
    """
    labels, count = _ndimage.label(sign * (1 - light) > _NO_SHADOW)
    strokes = np.zeros(count + 1, bool)
    for k, box in enumerate(_ndimage.find_objects(labels), 1):
        region = labels[box] == k
        # As if for ink on paper, so that both signs have the same limits.
        lights, greys = (
            np.maximum(values[box][region] ** sign, _DARKEST) for values in (light, grey)
        )
        if np.quantile(greys / lights, 0.75) < 1 / _DARKER_THAN_LIGHT:
            strokes[k] = True
        elif not _is_at_border(box, labels.shape):
            depth = 1 - np.median(lights)
            is_edge = np.abs(1 - lights - depth / 2) < depth / 4
            outline = region.sum() - _ndimage.binary_erosion(region).sum()
            strokes[k] = (
                depth > 1 - 1 / _DARKER_THAN_PAPER and is_edge.sum() < _SHARP_EDGE * outline
            )
    return np.where(strokes[labels], 1, light)


def _is_at_border(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Returns whether a box reaches the border of an image."""
    return any(side.start == 0 or side.stop == size for side, size in zip(box, shape, strict=True))


def _closing(values: Floats, window: int, beyond: float | None) -> Floats:
    """Returns the grey closing by a square window, which is cut to the size of the image.

    The values beyond the border are `beyond`, or those at the border if it is None.
    """
    # A window that is larger than the image would contain the constant wherever it is.
    halves = [min(window // 2, (size - 1) // 2) for size in values.shape]
    room = [(2 * half, 2 * half) for half in halves]
    edge = np.pad(values, room, "edge")
    values = edge if beyond is None else np.pad(values, room, constant_values=beyond)
    for extremum in (np.maximum, np.minimum):
        for axis, half in enumerate(halves):
            values = running(extremum, values, 2 * half + 1, axis)
    return values


def running(extremum: np.ufunc, values: Floats, window: int, axis: int) -> Floats:
    """Returns the extremum of all windows along an axis of `[h, w]`, which is shorter by the window less one.

    The windows are doubled until they have their size, which takes few passes over the array.
    """
    size = 1
    while size < window:
        shift = min(size, window - size)
        pair = (
            (values[:-shift], values[shift:])
            if axis == 0
            else (values[:, :-shift], values[:, shift:])
        )
        values = extremum(*pair)
        size += shift
    return values


def pen_width(written: NDArray[np.bool_]) -> float:
    """Returns the mean width of strokes in pixels, twice their area by the length of their outline."""
    inner = written[1:-1] & written[2:] & written[:-2]
    inner = inner[:, 1:-1] & written[1:-1, 2:] & written[1:-1, :-2]
    area = int(written.sum())
    return 2 * area / max(area - int(inner.sum()), 1)


def _fit(image: Floats) -> Floats:
    """Returns the factors of the colour of the paper, a quadratic surface: float32 `[6, 3]`.

    Fitted by iteratively reweighted least squares (Huber, Robust Statistics, 1981, section 7.8), which gives
    ink little weight.
    """
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape[:2])
    pixels = np.arange(0, len(y) * len(x), -(-len(y) * len(x) // _SAMPLES))
    at_y, at_x, colours = y[pixels // len(x)], x[pixels % len(x)], image.reshape(-1, 3)[pixels]
    terms = np.stack([np.ones_like(at_x), at_x, at_x**2, at_y, at_y**2, at_x * at_y], axis=1)
    surface: Floats = np.broadcast_to(np.median(colours, axis=0), colours.shape)
    factors: Floats = np.zeros((terms.shape[1], 3), np.float32)
    for _ in range(12):
        squares = np.square(colours - surface) @ np.ones(3, np.float32)
        scale = 2 * np.sqrt(np.median(squares)) + 2
        weighted = terms / np.square(1 + squares / scale**2)[:, None]
        equations = weighted.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32)
        before, factors = factors, cast(Floats, np.linalg.solve(equations, weighted.T @ colours))
        if np.abs(factors - before).max() < 0.05:
            break
        surface = terms @ factors
    return factors


def _surface(factors: Floats, shape: tuple[int, ...]) -> Floats:
    """Returns the quadratic surface of one channel: float32 `[h, w]`."""
    y, x = (np.linspace(-1, 1, size, dtype=np.float32)[:, None] for size in shape[:2])
    rows = np.concatenate([np.ones_like(y), y, y**2], axis=1)
    columns = np.concatenate([np.ones_like(x), x, x**2], axis=1)
    one, right, right_2, down, down_2, both = factors.tolist()
    grid = np.array([[one, right, right_2], [down, both, 0], [down_2, 0, 0]], np.float32)
    return rows @ grid @ columns.T


def otsu_threshold(values: Floats) -> float:
    """Returns the threshold with the largest variance between the two classes (Otsu 1979)."""
    low, high = float(values.min()), float(values.max())
    width = max(high - low, 1e-6) / 256
    bins = np.minimum((values - low) / width, 255).astype(np.uint8)
    counts = np.bincount(bins.ravel(), minlength=256)
    centres = low + width * (np.arange(256) + 0.5)
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_difference = sums / below - (sums[-1] - sums) / above
        variance = np.nan_to_num(below * above * np.square(mean_difference))
    # The middle of the gap, if empty bins lie between the classes.
    best = np.flatnonzero(variance >= variance.max() * (1 - 1e-9))
    return low + width * (best[0] + best[-1] + 2) / 2

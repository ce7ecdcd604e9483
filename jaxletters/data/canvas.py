"""Resizes images of any size to fit on a blank canvas, as two matrix products."""

import functools
from typing import Any, cast

import jax
import numpy as np
from numpy.typing import NDArray

# EMNIST's letters: blank pixels around them, before a blur with this standard deviation in pixels.
_MARGIN, _BLUR = 3, 0.6


def fit(images: np.ndarray, shape: tuple[int, int], margin: int, method: str) -> np.ndarray:
    """Returns the images in the middle of a blank canvas, as large as fits: uint8 `[n, *shape]`.

    EMNIST's images have this form (Cohen et al., EMNIST: an extension of MNIST to handwritten letters,
    2017, section II): a letter in the middle, its longer side two pixels from the border.

    Args:
        images: uint8 `[n, h, w]`.
        shape: (height, width) of the canvas, in pixels.
        margin: pixels left blank on every side.
        method: "area", the mean over the area that a new pixel covers, or "bilinear".
    """
    down, right = weights(images.shape[1:], shape, margin, method)
    placed = np.einsum("ih,nhw,jw->nij", down, images.astype(np.float32), right, optimize=True)
    return np.rint(placed).astype(np.uint8)


def as_emnist(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the characters of images at the size and place of EMNIST's: uint8 `[n, h, w]`.

    The box of the ink is centred, and its longer side is the canvas without its margins. MNIST's characters
    are smaller, sharper, and centred by their mass.

    Args:
        images: uint8 `[n, h, w]`, bright ink on paper of 0.
    """
    result = np.zeros_like(images)
    blur = _blur_matrix(images.shape[1]), _blur_matrix(images.shape[2])
    top, height = _extent(images.max(axis=2) > 0)
    left, width = _extent(images.max(axis=1) > 0)
    sizes: set[tuple[int, int]] = {*zip(height.tolist(), width.tolist(), strict=True)}
    for size in sizes - {(0, 0)}:
        some = np.flatnonzero((height == size[0]) & (width == size[1]))[:, None, None]
        rows = top[some] + np.arange(size[0])[:, None]
        ink = images[some, rows, left[some] + np.arange(size[1])].astype(np.float32)
        axes = weights(size, images.shape[1:], _MARGIN, "area")
        down, right = (matrix @ axis for matrix, axis in zip(blur, axes, strict=True))
        placed = down @ (ink @ right.T)
        placed *= ink.max(axis=(1, 2), keepdims=True) / placed.max(axis=(1, 2), keepdims=True)
        result[some[:, 0, 0]] = np.rint(placed)
    return result


def _extent(written: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the first index of ink in each row, and how many there are up to the last: int64 `[n]`."""
    first = written.argmax(axis=1)
    last = written.shape[1] - written[:, ::-1].argmax(axis=1)
    return first, np.where(written.any(axis=1), last - first, 0)


def _blur_matrix(side: int) -> np.ndarray:
    """Returns the matrix that blurs a line of pixels with a Gaussian: float32 `[side, side]`."""
    distance = np.arange(side)[:, None] - np.arange(side)
    kernel = np.exp(-0.5 * (distance / _BLUR) ** 2)
    return (kernel / kernel[side // 2].sum()).astype(np.float32)


@functools.cache
def weights(
    size: tuple[int, int], shape: tuple[int, int], margin: int, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the matrices of `fit`, which is `down @ image @ right.T`, for an image of `size`.

    They are float32 `[shape[0], size[0]]` and `[shape[1], size[1]]`.
    """
    scale = min((room - 2 * margin) / old for room, old in zip(shape, size, strict=True))
    down, right = (
        _axis(old, round(old * scale), room, method) for old, room in zip(size, shape, strict=True)
    )
    return down, right


def _axis(old: int, new: int, room: int, method: str) -> np.ndarray:
    """Returns the matrix that resizes `old` pixels to `new` ones in the middle of `room`: `[room, old]`."""
    if method == "area":
        resized = areas(old, new)
    else:
        with jax.ensure_compile_time_eval():  # augmentation calls this function under a trace
            resize = cast(Any, jax.image).resize
            resized = np.asarray(resize(np.eye(old, dtype=np.float32), (new, old), "bilinear"))
    placed = np.zeros((room, old), np.float32)
    start = (room - new) // 2
    placed[start : start + new] = resized
    return placed


def areas(old: int, new: int) -> np.ndarray:
    """Returns the share of each of `new` equal intervals that each `old` one covers: float32 `[new, old]`."""
    starts = np.arange(new)[:, None] * old / new
    ends = starts + old / new
    pixels = np.arange(old)
    overlap = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return (np.clip(overlap, 0, None) * new / old).astype(np.float32)

"""Resizes images of any size to fit on a blank canvas, as two matrix products."""

import functools
from typing import Any, cast

import jax
import numpy as np


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

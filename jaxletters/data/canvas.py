"""Putting images of any size onto the canvas that a network was trained on."""

import jax
import numpy as np


def fit(images: np.ndarray, shape: tuple[int, int], margin: int, method: str) -> np.ndarray:
    """Returns the images in the middle of a blank canvas, as large as fits, their proportions kept.

    EMNIST's own images were made so (Cohen et al., EMNIST: an extension of MNIST to handwritten
    letters, 2017, section II): a letter in the middle, its longer side two pixels from the border.

    Args:
        images: uint8 `[n, h, w]`.
        shape: (height, width) of the canvas, in pixels.
        margin: pixels left blank on every side.
        method: "area", the mean over what a new pixel covers, or "bilinear".

    Returns:
        uint8 `[n, *shape]`.
    """
    n, height, width = images.shape
    scale = min((shape[0] - 2 * margin) / height, (shape[1] - 2 * margin) / width)
    size = round(height * scale), round(width * scale)
    if method == "area":
        down, right = _areas(height, size[0]), _areas(width, size[1])
        resized = np.einsum("ih,nhw,jw->nij", down, images.astype(np.float32), right, optimize=True)
    else:
        resized = np.asarray(jax.image.resize(images.astype(np.float32), (n, *size), "bilinear"))
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    canvas = np.zeros((n, *shape), np.uint8)
    canvas[:, top : top + size[0], left : left + size[1]] = np.rint(resized).astype(np.uint8)
    return canvas


def _areas(old: int, new: int) -> np.ndarray:
    """Which share of each of `new` equal stretches each of `old` ones fills: float32 `[new, old]`."""
    starts = np.arange(new)[:, None] * old / new
    ends = starts + old / new
    pixels = np.arange(old)
    shared = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return (np.clip(shared, 0, None) * new / old).astype(np.float32)

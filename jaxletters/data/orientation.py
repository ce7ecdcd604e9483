"""Turns images upright."""

import numpy as np

from jaxletters.config.sources import ORIENTATIONS


def upright(images: np.ndarray, orientation: str) -> np.ndarray:
    """Returns images turned upright, contiguous.

    Args:
        images: `[n, h, w]` or `[n, h, w, c]`.
        orientation: theirs, one of ORIENTATIONS. "transposed": rows are columns, as in EMNIST's files;
            "rotated_left": by a quarter, counterclockwise; "upside_down": rows from the bottom up.
    """
    transposed, down, right = ORIENTATIONS[orientation]
    turned = images.swapaxes(1, 2) if transposed else images
    return np.ascontiguousarray(turned[:, ::down, ::right])


def compose(first: str, second: str) -> str:
    """Returns the orientation that one `upright` corrects like `upright(upright(images, first), second)`."""
    probe = np.arange(4).reshape(1, 2, 2)
    wanted = upright(upright(probe, first), second)
    return next(o for o in ORIENTATIONS if np.array_equal(upright(probe, o), wanted))

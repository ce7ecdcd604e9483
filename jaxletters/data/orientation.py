"""How images lie, and turning them upright."""

import numpy as np

from jaxletters.config.sources import ORIENTATIONS


def upright(images: np.ndarray, orientation: str) -> np.ndarray:
    """Returns images turned upright, contiguous.

    Args:
        images: `[n, h, w]` or `[n, h, w, c]`.
        orientation: how they lie now, one of ORIENTATIONS. "transposed": rows are columns, as in EMNIST's
            own files; "rotated_left": by a quarter, counterclockwise; "upside_down": rows from the bottom up.
    """
    transposed, down, right = ORIENTATIONS[orientation]
    turned = images.swapaxes(1, 2) if transposed else images
    return np.ascontiguousarray(turned[:, ::down, ::right])


def both(first: str, second: str) -> str:
    """Returns how images lie that look turned one way once they were taken for turned another way."""
    probe = np.arange(4).reshape(1, 2, 2)
    wanted = upright(upright(probe, first), second)
    return next(o for o in ORIENTATIONS if np.array_equal(upright(probe, o), wanted))

"""How images lie, and turning them upright."""

import numpy as np

UPRIGHT, TRANSPOSED = "upright", "transposed"
# Undoes each: transposed or not, then the order of rows, then that of columns.
_UNDO = {
    UPRIGHT: (False, 1, 1),
    TRANSPOSED: (True, 1, 1),
    "mirrored": (False, 1, -1),
    "upside_down": (False, -1, 1),
    "rotated_180": (False, -1, -1),
    "rotated_left": (True, 1, -1),
    "rotated_right": (True, -1, 1),
    "anti_transposed": (True, -1, -1),
}
ORIENTATIONS = tuple(_UNDO)


def upright(images: np.ndarray, orientation: str) -> np.ndarray:
    """Returns images turned upright, contiguous.

    Args:
        images: `[n, h, w]` or `[n, h, w, c]`.
        orientation: how they lie now, one of ORIENTATIONS. "transposed": rows are columns, as in EMNIST's
            own files; "rotated_left": by a quarter, counterclockwise; "upside_down": rows from the bottom up.
    """
    transposed, down, right = _UNDO[orientation]
    turned = images.swapaxes(1, 2) if transposed else images
    return np.ascontiguousarray(turned[:, ::down, ::right])


def both(first: str, second: str) -> str:
    """Returns how images lie that look turned one way once they were taken for turned another way."""
    probe = np.arange(4).reshape(1, 2, 2)
    wanted = upright(upright(probe, first), second)
    return next(o for o in ORIENTATIONS if np.array_equal(upright(probe, o), wanted))

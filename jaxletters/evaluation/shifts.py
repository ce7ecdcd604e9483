"""The mean prediction over each image and its shifted copies."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.arrays import Logits
from jaxletters.evaluation import metrics

# On validation examples of EMNIST Letters, averaging only predictions below this probability gave the same
# accuracy as averaging all.
_SURE = 0.9


def total_probabilities(
    predict: Callable[[NDArray[np.uint8]], Logits],
    images: NDArray[np.uint8],
    logits: Logits,
    shift: int,
) -> NDArray[np.float64]:
    """Returns the sum of the probabilities of each image and its four shifted copies, `[n, classes]`.

    Its largest class is that of the mean.

    Args:
        predict: returns the logits of images.
        images: uint8 `[n, h, w]` or `[n, h, w, 3]`.
        logits: of the images without a shift.
        shift: in pixels: up, down, left and right; paper is outside.
    """
    total = np.exp(metrics.log_probabilities(logits))
    height, width = images.shape[1:3]
    padding = [(0, 0)] * images.ndim
    padding[1:3] = [(shift, shift), (shift, shift)]
    padded = np.pad(images, padding)
    # The top left corners of the windows; (shift, shift) would be the image itself.
    for top, left in ((0, shift), (2 * shift, shift), (shift, 0), (shift, 2 * shift)):
        shifted = padded[:, top : top + height, left : left + width]
        total += np.exp(metrics.log_probabilities(predict(shifted)))
    return total


def unsure(logits: Logits) -> NDArray[np.bool_]:
    """Returns the examples whose predictions shifted copies may change: bool `[n]`."""
    return np.exp(metrics.log_probabilities(logits)).max(axis=1) < _SURE

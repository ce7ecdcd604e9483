"""Verifying that the files of a bundle compute the same logits as the network."""

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.evaluation import metrics
from jaxletters.reading import bundle
from jaxletters.reading.bundle_card import Agreement

_NUM_IMAGES = 1000


def sample_images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Returns the images for the comparison, the same at every call: uint8 `[n, *shape]`.

    They are synthetic letters if the network takes images of that size, else noise.
    """
    if shape == (sketch.SIDE, sketch.SIDE):
        return sketch.draw(_NUM_IMAGES, "test", 0)[0]
    return np.random.default_rng(0).integers(0, 256, (_NUM_IMAGES, *shape), np.uint8)


def compare(
    name: str,
    logits: NDArray[np.float32],
    expected: NDArray[np.float32],
    tolerance: float = bundle.TOLERANCE,
    least_same: float = 1,
) -> Agreement:
    """Returns how well the logits of a file agree with those of the network, both `[n, classes]`.

    Args:
        name: of the file.
        logits: of the file's network.
        expected: of the network.
        tolerance: the largest difference allowed, relative to the largest logit.
        least_same: the least share of images that must have the same class.

    Raises:
        UserError: they differ more than that.
    """
    agreement: Agreement = {
        "images": len(expected),
        "largest_difference": float(np.abs(logits - expected).max()),
        "largest_logit": float(np.abs(expected).max()),
        "same_class": int(metrics.correct(logits, metrics.predicted_labels(expected)).sum()),
    }
    limit = tolerance * agreement["largest_logit"]
    within_limit = agreement["largest_difference"] <= limit  # False for NaN
    if not within_limit or agreement["same_class"] < least_same * agreement["images"]:
        raise UserError(
            f"{name}: expected the logits of the network within {limit:.1e} and its class of "
            f"{least_same:.1%} of the images, found differences up to "
            f"{agreement['largest_difference']:.1e} and the same class of {agreement['same_class']:,} of "
            f"{agreement['images']:,}; nothing was written, please report it with the output of pip freeze"
        )
    return agreement

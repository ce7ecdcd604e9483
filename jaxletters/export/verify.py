"""Whether what was written computes what the network does."""

from typing import NamedTuple

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.evaluation import metrics
from jaxletters.reading import bundle

_IMAGES = 1000


class Agreement(NamedTuple):
    """How close the logits of two programs are.

    Attributes:
        images: that both have read.
        largest_difference: of two logits of the same image and class.
        largest_logit: of the network itself, its sign aside.
        same_class: images of which both say the same.
    """

    images: int
    largest_difference: float
    largest_logit: float
    same_class: int


def images(shape: tuple[int, ...]) -> np.ndarray:
    """Returns what to compare on, the same every time: uint8 `[n, *shape]`.

    Letters drawn by code where they are as large as what the network reads, noise elsewhere.
    """
    if shape == (sketch.SIDE, sketch.SIDE):
        return sketch.draw(_IMAGES, "test", 0)[0]
    return np.random.default_rng(0).integers(0, 256, (_IMAGES, *shape), np.uint8)


def compare(what: str, found: np.ndarray, expected: np.ndarray) -> Agreement:
    """Returns how close logits are to the network's own, both float32 `[n, classes]`.

    Raises:
        UserError: not close enough, or not of the same classes.
    """
    agreement = Agreement(
        images=len(expected),
        largest_difference=float(np.abs(found - expected).max()),
        largest_logit=float(np.abs(expected).max()),
        same_class=int(metrics.correct(found, metrics.predicted_labels(expected)).sum()),
    )
    limit = bundle.TOLERANCE * agreement.largest_logit
    # Not the other way round: NaN is not within any limit.
    if not agreement.largest_difference <= limit or agreement.same_class < agreement.images:
        raise UserError(
            f"{what}: expected the network's logits within {limit:.1e} and its class of every image, "
            f"found differences up to {agreement.largest_difference:.1e} and {agreement.same_class:,} of "
            f"{agreement.images:,}; nothing was written, please report it with the output of pip freeze"
        )
    return agreement

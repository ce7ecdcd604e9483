"""What reads images: a trained network, wherever it came from, and what it makes of them."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.evaluation import inference, metrics

# A word in one call; more images in calls that keep every core busy.
_FEW, _MANY = 16, 256


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a network makes of some images.

    Attributes:
        class_names: of its classes, one per label.
        probabilities: float32 `[n, classes]`; each row adds up to 1.
    """

    class_names: tuple[str, ...]
    probabilities: np.ndarray

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The most probable class of each image: int64 `[n]`."""
        return metrics.predicted_labels(self.probabilities)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the most probable classes: "A", "B" ..."""
        return tuple(self.class_names[label] for label in self.labels)

    def best(self, count: int) -> list[list[tuple[str, float]]]:
        """Returns, for each image, the most probable classes' names and probabilities, best first."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :count]
        return [
            [(self.class_names[label], float(row[label])) for label in labels]
            for row, labels in zip(self.probabilities, order, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network, wherever it came from.

    Attributes:
        name: of the run.
        class_names: one per label.
        image_shape: (height, width) in pixels of the images it reads, or (height, width, 3) in colour.
        call: from uint8 images `[b, *image_shape]` to their logits, float32 `[b, classes]`.
        fit: how a picture becomes such an image, one of `slots.FITS`.
        inverted: whether it is inverted for that.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    call: Callable[[np.ndarray], jax.Array]
    fit: str = "emnist"
    inverted: bool = False

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Returns the logits of images, or of a single one: float32 `[n, classes]`.

        Args:
            images: uint8 `[n, *image_shape]` or `[*image_shape]`, upright, of handwriting 0 = paper and
                255 = ink.

        Raises:
            UserError: they have another shape or dtype.
        """
        images = np.asarray(images)
        axes = len(self.image_shape)
        if images.shape[-axes:] != self.image_shape or images.ndim not in (axes, axes + 1):
            expected = ", ".join(map(str, self.image_shape))
            raise UserError(
                f"images: expected an array [n, {expected}], found {list(images.shape)}; bring them to that "
                "size first, as jaxletters predict does"
            )
        if images.dtype != np.uint8:
            raise UserError(
                f"images: expected uint8, 0 for paper and 255 for ink, found {images.dtype}"
            )
        images = images.reshape(-1, *self.image_shape)
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        return inference.in_batches(self.call, images, _FEW if len(images) <= _FEW else _MANY)

    def predict(self, images: np.ndarray) -> Predictions:
        """Returns what the network makes of images, or of a single one.

        Args:
            images: as for `logits`.

        Raises:
            UserError: they have another shape or dtype.
        """
        return Predictions(self.class_names, metrics.probabilities(self.logits(images)))

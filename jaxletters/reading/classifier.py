"""A trained network as a classifier of images, and its predictions."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, cast

import jax
import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.core.types import Model, Variables
from jaxletters.evaluation import inference, metrics
from jaxletters.evaluation.conformal import Calibration

LogitsFn = Callable[[NDArray[np.uint8]], jax.Array]
"""From uint8 images `[b, *image_shape]` to their logits, float32 `[b, classes]`."""

# Images per call, one of these, so that few programs are compiled: for the candidates of a letter, and for
# more. On two cores larger calls are no faster for an image.
_FEW, _MANY = 16, 64


def compile_network(model: Model, variables: Variables) -> LogitsFn:
    """Returns the compiled program of a network, with its variables on the first device."""
    device = cast(Any, jax.local_devices()[0])
    return functools.partial(inference.compiled_forward(), model, jax.device_put(variables, device))


@dataclasses.dataclass(frozen=True)
class Predictions:
    """The predictions of a network for some images.

    Attributes:
        class_names: one per label.
        probabilities: float32 `[n, classes]`, given that the image shows one of the classes; each row adds
            up to 1.
        is_letter: the probability that the image shows one of the classes: float32 `[n]`; ones of a network
            that does not know other images.
        excluded: labels that are never an answer, with probability 0.
    """

    class_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    is_letter: NDArray[np.float32]
    excluded: tuple[int, ...] = ()

    @functools.cached_property
    def labels(self) -> NDArray[np.int64]:
        """The most probable class of each image: int64 `[n]`."""
        return metrics.predicted_labels(self.probabilities)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the most probable classes: "A", "B" ..."""
        return tuple(self.class_names[int(label)] for label in self.labels)

    def best(self, count: int) -> list[list[tuple[str, float]]]:
        """Returns, for each image, names and probabilities of the most probable classes, best first."""
        answers = np.setdiff1d(np.arange(len(self.class_names)), self.excluded)
        ranks = np.argsort(-self.probabilities[:, answers], axis=1, kind="stable")
        order = answers[ranks[:, :count]]
        return [
            [(self.class_names[label], float(row[label])) for label in labels]
            for row, labels in zip(self.probabilities, order, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained network with everything that a prediction needs.

    Attributes:
        name: of the run.
        class_names: one per label.
        image_shape: (height, width) of its images in pixels, or (height, width, 3) in colour.
        logits_fn: from uint8 images `[b, *image_shape]` to float32 logits `[b, classes]`.
        fit: how a picture is brought to that shape, one of `slots.FITS`.
        inverted: whether a picture is inverted first.
        non_letter: the label of the class of images that show none of the others; None if the network has
            no such class.
        unused: labels without training examples. Neither they nor `non_letter` are an answer.
        calibration: of its probabilities, from validation examples; None without one.
        members: the number of networks, more than 1 of an ensemble.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    logits_fn: LogitsFn
    fit: str = "emnist"
    inverted: bool = False
    non_letter: int | None = None
    unused: tuple[int, ...] = ()
    calibration: Calibration | None = None
    members: int = 1

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the logits of images, or of a single image: float32 `[n, classes]`.

        Args:
            images: uint8 `[n, *image_shape]` or `[*image_shape]`, upright; for handwriting 0 = paper and
                255 = ink.

        Raises:
            UserError: the images have another shape or dtype.
        """
        images = np.asarray(images)
        axes = len(self.image_shape)
        if images.shape[-axes:] != self.image_shape or images.ndim not in (axes, axes + 1):
            expected = ", ".join(map(str, self.image_shape))
            raise UserError(
                f"images: expected an array [n, {expected}], found {list(images.shape)}; resize them first, "
                "as jaxletters predict does"
            )
        if images.dtype != np.uint8:
            raise UserError(
                f"images: expected uint8, 0 for paper and 255 for ink, found {images.dtype}"
            )
        images = images.reshape(-1, *self.image_shape)
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        rest = len(images) % _MANY
        parts = np.split(images, [len(images) - rest])
        sizes = _MANY, _FEW if rest <= _MANY - _FEW else _MANY
        return np.concatenate(
            [
                inference.in_batches(self.logits_fn, part, size)
                for part, size in zip(parts, sizes, strict=True)
                if len(part)
            ]
        )

    def predict(self, images: NDArray[np.uint8]) -> Predictions:
        """Returns the predictions for images, or for a single image; arguments and errors as for `logits`.

        Their probabilities are calibrated if there is a calibration.
        """
        logits = self.logits(images)
        if self.calibration:
            logits /= np.float32(self.calibration.temperature)
        logits[:, list(self.unused)] = -np.inf
        is_letter = np.ones(len(logits), np.float32)
        excluded = self.unused
        if self.non_letter is not None:
            is_letter -= metrics.probabilities(logits)[:, self.non_letter]
            excluded = (*self.unused, self.non_letter)
            logits[:, self.non_letter] = -np.inf
        return Predictions(self.class_names, metrics.probabilities(logits), is_letter, excluded)

"""The slots of a config: the base classes of datasets, networks, augmentations, losses and so on."""

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from jaxletters.config.parts import Slot

if TYPE_CHECKING:
    from pathlib import Path

    import jax
    import numpy as np
    import optax
    from flax import linen as nn


# How a picture is brought to the size of a network's images. "emnist", "mnist": every character of the
# picture is found and normalised like those of EMNIST or MNIST; "single_...": the picture shows one
# character, which is centred like theirs; otherwise the whole picture is padded, cropped or stretched.
FITS = ("emnist", "mnist", "single_emnist", "single_mnist", "pad", "crop", "stretch")


class DatasetInfo(NamedTuple):
    """The description of a dataset, available before its images are read.

    Attributes:
        splits: the names of its splits: "train", and optionally "validation" and "test".
        class_names: one per label.
        image_shape: (height, width) of every image in pixels, or (height, width, 3) in colour.
        fit: how a picture becomes such an image: one of FITS.
        inverted: whether pictures are inverted, so that dark ink on light paper becomes bright.
        remarks: assumptions about the files and omissions, a sentence each.
    """

    splits: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    fit: str = "stretch"
    inverted: bool = False
    remarks: tuple[str, ...] = ()


class SplitDigest(NamedTuple):
    """A digest of the content of a split, independent of the location and format of its files.

    Attributes:
        examples: the number of examples.
        images: SHA-256 of the images' dtype, shape and pixels, in hex.
        labels: SHA-256 of the labels, in hex.
    """

    examples: int
    images: str
    labels: str


@dataclasses.dataclass(frozen=True)
class Source(Slot):
    """A dataset of labelled images."""

    @property
    def name(self) -> str:
        """The name of the dataset in results and reports."""
        return type(self).__name__

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; may look into files, but need not read all of them.

        Raises:
            UserError: the dataset does not exist.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define info()")

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split, always in the same order.

        Args:
            split: one of `info().splits`.

        Returns:
            uint8 images `[n, *image_shape]`, for handwriting with 0 for paper and 255 for ink, and integer
            labels `[n]`, each an index of `class_names`. The caller does not modify them.

        Raises:
            UserError: the files are missing or malformed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read(split)")

    def resized(self, images: "np.ndarray") -> "np.ndarray":
        """Returns images from `read` at the size of the network's input, `[n, *image_shape]`.

        Digests and the search for duplicates use the images before this step.
        """
        return images

    def resized_split(self, split: str, images: "np.ndarray") -> "np.ndarray":
        """Returns the images of a whole split at that size, where it matters which of them they are.

        Args:
            split: the name of the split.
            images: all its images, as `read` returns them.
        """
        del split
        return self.resized(images)

    def is_here(self) -> bool:
        """Returns whether the images can be read without a download."""
        return True

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns a note to print beside every result on these images, such as "generated data".

        Args:
            digests: of the splits that the result depends on.
        """
        del digests
        return ""


@dataclasses.dataclass(frozen=True)
class ModelConfig(Slot):
    """A network.

    A subclass is a frozen dataclass. Its fields are the settings of the network: the command line can set
    them, they are checked, and they are part of the fingerprint.
    """

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network.

        Args:
            num_classes: the number of logits per image.

        Returns:
            a Flax Linen module that maps float32 images `[b, h, w, c]`, for handwriting with ink 1 and paper
            0, to float32 logits `[b, num_classes]`. Its `__call__` takes `train` (or `training`, or
            `deterministic`) if training and evaluation differ, as with dropout (PRNG stream "dropout") or
            BatchNorm.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define build(num_classes)")


@dataclasses.dataclass(frozen=True)
class Augmentation(Slot):
    """A random change of training images; a subclass defines `apply` or `apply_batch`.

    Attributes:
        non_letter: the label that `apply_batch` gives to images that show none of the other classes; None if
            it makes no such images. It is never the predicted class, but predictions have its probability.
    """

    non_letter: ClassVar[int | None] = None

    def apply(self, key: "jax.Array", image: "jax.Array") -> "jax.Array":
        """Returns a changed image. A pure function, traced once and applied to every image of a batch.

        Args:
            key: the PRNG key of this image.
            image: float32 `[h, w]` or `[h, w, c]`, from 0 to 1.

        Returns:
            float32, of the same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply(key, image)")

    def apply_batch(
        self, key: "jax.Array", images: "jax.Array", labels: "jax.Array"
    ) -> "tuple[jax.Array, jax.Array]":
        """Returns the changed images and labels of a batch; by default, `apply` changes each image.

        Args:
            key: the PRNG key of this batch.
            images: float32 `[b, h, w]` or `[b, h, w, c]`, from 0 to 1.
            labels: int32 `[b]`.

        Returns:
            images and labels of the same shapes and dtypes.
        """
        import jax
        import jax.numpy as jnp

        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(len(images)))
        return jax.vmap(self.apply)(keys, images), labels


@dataclasses.dataclass(frozen=True)
class Loss(Slot):
    """The objective of training: the mean of a loss over examples, plus a penalty."""

    def per_example(self, logits: "jax.Array", labels: "jax.Array") -> "jax.Array":
        """Returns the loss of each example.

        Args:
            logits: float32 `[b, classes]`.
            labels: int32 `[b]`.

        Returns:
            float32 `[b]`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not define per_example(logits, labels)"
        )

    def penalty(self, params: Any) -> "jax.Array | float":
        """Returns the penalty of the parameters, a nested dict of arrays, as a scalar; 0 by default."""
        del params
        return 0.0


@dataclasses.dataclass(frozen=True)
class Schedule(Slot):
    """A learning rate schedule."""

    def build(self, peak: float, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step, which starts at 0 and may be traced.

        Args:
            peak: the greatest rate, a setting of the optimizer.
            total_steps: the number of steps of the run or stage.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define build(peak, total_steps)")


@dataclasses.dataclass(frozen=True)
class Optimizer(Slot):
    """An Optax gradient transformation.

    A subclass with the settings `learning_rate`, a float, and `schedule`, a `Schedule`, defines only `build`.
    """

    def build(self, total_steps: int) -> "optax.GradientTransformation":
        """Returns the transformation for a run or stage of that many steps, including the learning rate."""
        raise NotImplementedError(f"{type(self).__name__} does not define build(total_steps)")

    def rate(self, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step, for the records."""
        settings: Any = self
        return settings.schedule.build(settings.learning_rate, total_steps)


@dataclasses.dataclass(frozen=True)
class Metric(Slot):
    """A metric of predictions, in addition to loss and accuracy; `training.monitor` can name it.

    Attributes:
        maximize: whether larger values are better.
    """

    maximize: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The name in records and results: the name of the class, "MacroF1" as "macro_f1"."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    def value(self, labels: "np.ndarray", logits: "np.ndarray") -> float:
        """Returns the metric of all evaluated examples, computed on the host.

        Args:
            labels: int32 `[n]`.
            logits: float32 `[n, classes]`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define value(labels, logits)")


@dataclasses.dataclass(frozen=True)
class Observer(Slot):
    """A receiver of a run's records and result; it cannot change the run and is not in its fingerprint.

    A resumed run repeats the records since its checkpoint. An observer that raises an error receives no more.
    """

    def record(self, folder: "Path", record: Mapping[str, Any]) -> None:
        """Receives a record when it is written to `metrics.jsonl`.

        Args:
            folder: the folder of the run, or of its stage, fold or trial.
            record: the record: "step", "split", "epoch", "loss" ...
        """

    def finished(self, folder: "Path", result: Mapping[str, Any]) -> None:
        """Receives the content of the finished run's `result.json`."""

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


# How a picture is brought to the size of a network's images. "emnist", "mnist": every character in it is
# found and made like those of EMNIST or MNIST; "single_...": the picture is of one character, which is
# centred as theirs; else the whole picture is padded or cropped to the proportions, or stretched.
FITS = ("emnist", "mnist", "single_emnist", "single_mnist", "pad", "crop", "stretch")


class DatasetInfo(NamedTuple):
    """What can be said of a dataset before its images are read.

    Attributes:
        splits: the names of its splits: "train", and perhaps "validation" and "test".
        class_names: one per label.
        image_shape: (height, width) of every image in pixels, or (height, width, 3) in colour.
        fit: how a picture becomes such an image: one of FITS.
        inverted: whether pictures are inverted, so that dark ink on light paper is bright.
        remarks: what was assumed about the files or left out, a sentence each.
    """

    splits: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    fit: str = "stretch"
    inverted: bool = False
    remarks: tuple[str, ...] = ()


class SplitDigest(NamedTuple):
    """Identifies the content of a split, wherever its files lie and whatever their format.

    Attributes:
        examples: how many there are.
        images: SHA-256 of the images' dtype, shape and pixels, in hex.
        labels: SHA-256 of the labels, likewise.
    """

    examples: int
    images: str
    labels: str


@dataclasses.dataclass(frozen=True)
class Source(Slot):
    """Labelled images."""

    @property
    def name(self) -> str:
        """What results and pages call the dataset."""
        return type(self).__name__

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; may look into files, but need not read all of them.

        Raises:
            UserError: there is no such dataset.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define info()")

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split in an order that is always the same.

        Args:
            split: one of `info().splits`.

        Returns:
            uint8 images `[n, *image_shape]`, of handwriting 0 for paper and 255 for ink, and integer labels
            `[n]`, each an index of `class_names`. Neither is changed afterwards.

        Raises:
            UserError: the files are not there, or not what they should be.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read(split)")

    def resized(self, images: "np.ndarray") -> "np.ndarray":
        """Returns images that `read` gave as a network sees them, `[n, *image_shape]`.

        What identifies data, and tells whether a network has seen an image before, is what `read` gives.
        """
        return images

    def is_here(self) -> bool:
        """Returns whether the images can be read without a download."""
        return True

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns what must be said wherever a figure on these images stands, such as "generated data".

        Args:
            digests: of the splits that the figure depends on.
        """
        del digests
        return ""


@dataclasses.dataclass(frozen=True)
class ModelConfig(Slot):
    """A network.

    A subclass is a frozen dataclass: its fields are the network's settings, which can be set on the
    command line, are checked, and identify the experiment.
    """

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network.

        Args:
            num_classes: how many logits it gives per image.

        Returns:
            a Flax Linen module that maps float32 images `[b, h, w, c]`, ink 1 and paper 0 for
            handwriting, to float32 logits `[b, num_classes]`. Its `__call__` takes `train` (or `training`, or
            `deterministic`) if training and evaluation differ, as with dropout ("dropout" is its random
            stream) or BatchNorm.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define build(num_classes)")


@dataclasses.dataclass(frozen=True)
class Augmentation(Slot):
    """A random change of training images."""

    def apply(self, key: "jax.Array", image: "jax.Array") -> "jax.Array":
        """Returns a changed image; a pure function, traced once and applied to every image of a batch.

        Args:
            key: of this image's change.
            image: float32 `[h, w]` or `[h, w, c]`, from 0 to 1.

        Returns:
            float32, of the same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply(key, image)")


@dataclasses.dataclass(frozen=True)
class Loss(Slot):
    """What training minimises: the mean over examples, and a penalty."""

    def per_example(self, logits: "jax.Array", labels: "jax.Array") -> "jax.Array":
        """Returns each example's loss.

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
        """Returns what the parameters, a tree, add to the mean: a scalar, 0 unless defined."""
        del params
        return 0.0


@dataclasses.dataclass(frozen=True)
class Schedule(Slot):
    """How the learning rate changes over a run."""

    def build(self, peak: float, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step, from 0, which may be traced.

        Args:
            peak: the greatest rate, which is the optimizer's setting.
            total_steps: how many steps the run, or its stage, has.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define build(peak, total_steps)")


@dataclasses.dataclass(frozen=True)
class Optimizer(Slot):
    """An Optax gradient transformation.

    One with the settings `learning_rate`, a float, and `schedule`, a `Schedule`, need define only `build`.
    """

    def build(self, total_steps: int) -> "optax.GradientTransformation":
        """Returns the transformation of a run, or a stage, of so many steps, its learning rate included."""
        raise NotImplementedError(f"{type(self).__name__} does not define build(total_steps)")

    def rate(self, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step, as it is recorded."""
        own: Any = self
        return own.schedule.build(own.learning_rate, total_steps)


@dataclasses.dataclass(frozen=True)
class Metric(Slot):
    """A figure of a network's predictions, beside loss and accuracy; `training.monitor` can name it.

    Attributes:
        maximize: whether more is better.
    """

    maximize: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called in records and results: the class's name, "MacroF1" as "macro_f1"."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    def value(self, labels: "np.ndarray", logits: "np.ndarray") -> float:
        """Returns the figure, computed on the host.

        Args:
            labels: int32 `[n]`, of all examples that are evaluated.
            logits: float32 `[n, classes]`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define value(labels, logits)")


@dataclasses.dataclass(frozen=True)
class Observer(Slot):
    """Something that is told how a run goes; it can change nothing of it and is no part of its identity.

    What an interrupted run repeats is told again. An observer that fails is told nothing more.
    """

    def record(self, folder: "Path", record: Mapping[str, Any]) -> None:
        """Is told a record as it is written to `metrics.jsonl`: "step", "split", "epoch", "loss" ...

        Args:
            folder: of the run, or of its stage, fold or trial.
            record: the record.
        """

    def finished(self, folder: "Path", result: Mapping[str, Any]) -> None:
        """Is told the content of the finished run's `result.json`."""

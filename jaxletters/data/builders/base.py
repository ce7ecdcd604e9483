"""The base class of the builders: whole arrays, prepared as one array_record example per image."""

import abc
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from jaxletters.core.errors import UserError
from jaxletters.data.builders.specs import Spec
from jaxletters.data.formats import idx
from jaxletters.data.sources import archives
from jaxletters.data.sources.archives import Archive, OriginalFile, Originals


class OfflineInfo(tfds.core.DatasetInfo):
    """A dataset's description that never looks for another one on the network."""

    def initialize_from_bucket(self) -> None:
        """Does nothing: TFDS's bucket lacks the dataset, and the search leaves a folder in /tmp."""


class ArraysBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A dataset of labelled images that fit in memory, kept in the order of their source."""

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE: ClassVar[str]
    SPEC: ClassVar[Spec]
    ARCHIVE: ClassVar[Archive] = Archive("no files", (), ())
    """The original files, which TFDS's manual folder must hold; a generated dataset has no files."""

    @abc.abstractmethod
    def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
        """Returns a split's uint8 images `[n, h, w]` and integer labels `[n]`.

        Args:
            split: one of the spec's.
            originals: the archive's files by name.

        Raises:
            UserError: a file is damaged or another dataset's.
        """

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            # Without an encoding TFDS stores each pixel as a varint: larger, and slow to parse.
            "image": tfds.features.Tensor(
                shape=self.SPEC.image_shape, dtype=np.uint8, encoding="bytes"
            ),
            "label": tfds.features.ClassLabel(names=list(self.SPEC.class_names)),
        }
        return OfflineInfo(
            builder=self,
            description=self.__doc__,
            homepage=self.HOMEPAGE,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, object]]]]:
        originals: Originals = {}
        if self.ARCHIVE.files:
            originals = archives.find(self.ARCHIVE, Path(dl_manager.manual_dir))
        # All splits are read and checked before the first example is written.
        splits = {split: self.arrays(split, originals) for split in self.SPEC.splits}
        return {split: self._generate_examples(*arrays) for split, arrays in splits.items()}

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict[str, object]]]:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image, "label": int(label)}


def config_of_archives(digests: Mapping[str, str]) -> tfds.core.BuilderConfig:
    """Returns the builder config of the dataset that is prepared from files with these SHA-256."""
    name = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]
    return tfds.core.BuilderConfig(name=f"archives_{name}", description=f"from {digests}")


def read_idx(
    images: OriginalFile, labels: OriginalFile, spec: Spec
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the uint8 images `[n, h, w]` and labels `[n]` of a pair of idx files.

    Raises:
        UserError: a file is damaged, or the two are not images and labels of this dataset.
    """
    with images.open() as file:
        pixels = idx.read(file, images.name, spec.image_shape)
    with labels.open() as file:
        classes = idx.read(file, labels.name, ())
    if len(pixels) != len(classes):
        raise UserError(
            f"{labels.name}: expected {len(pixels):,} labels, one per image in "
            f"{Path(images.name).name}, found {len(classes):,}; fetch both again"
        )
    if classes.min() < spec.labels.start or classes.max() >= spec.labels.stop:
        raise UserError(
            f"{labels.name}: expected labels {spec.labels.start} to {spec.labels.stop - 1}, "
            f"found {classes.min()} to {classes.max()}; is this another dataset's file?"
        )
    return pixels, classes

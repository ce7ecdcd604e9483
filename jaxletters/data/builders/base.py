"""What the builders share: whole arrays in, one array_record example an image out, and back."""

import abc
import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from jaxletters.core.errors import UserError, one_line
from jaxletters.data.builders.specs import Spec
from jaxletters.data.formats import idx
from jaxletters.data.sources.archives import Archive, Source, sources

_READ_AT_ONCE = 1000


class _Info(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Does nothing: TFDS's bucket has no such dataset, and looking leaves a folder in /tmp."""


class ArraysBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A dataset of labelled images that fit in memory, kept in the order of their source."""

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE: ClassVar[str]
    SPEC: ClassVar[Spec]
    ARCHIVE: ClassVar[Archive] = Archive("no files", (), ())
    """The original files, to be found in TFDS's manual folder; none for a generated dataset."""

    @abc.abstractmethod
    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """Returns one split as uint8 images `[n, h, w]` and integer labels `[n]`.

        Args:
            split: one of the spec's.
            sources: the archive's files by name.

        Raises:
            UserError: a file is not what it should be.
        """

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            # Without an encoding TFDS stores each pixel as a varint: larger, and slow to parse.
            "image": tfds.features.Tensor(
                shape=self.SPEC.image_shape, dtype=np.uint8, encoding="bytes"
            ),
            "label": tfds.features.ClassLabel(names=list(self.SPEC.class_names)),
        }
        return _Info(
            builder=self,
            description=self.__doc__,
            homepage=self.HOMEPAGE,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        files = sources(self.ARCHIVE, Path(dl_manager.manual_dir)) if self.ARCHIVE.files else {}
        # All splits are read and checked before the first example is written.
        splits = {split: self.arrays(split, files) for split in self.SPEC.splits}
        return {split: self._generate_examples(*arrays) for split, arrays in splits.items()}

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image, "label": int(label)}


def of_archives(digests: dict[str, str]) -> tfds.core.BuilderConfig:
    """Returns the builder config whose folder holds what is prepared from files with these SHA-256."""
    name = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]
    return tfds.core.BuilderConfig(name=f"archives_{name}", description=f"from {digests}")


def read_idx(images: Source, labels: Source, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
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


def record_files(builder: ArraysBuilder, split: str) -> list[Path]:
    """Returns the files that a prepared split's examples are in, and how they are encoded."""
    shards = builder.info.splits[split].filepaths
    return [Path(builder.data_path) / "features.json", *map(Path, shards)]


def read_records(builder: ArraysBuilder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 images `[n, h, w]` and int32 labels `[n]` of a prepared split."""
    source = cast(Any, builder).as_data_source(split)
    images = np.empty((len(source), *builder.SPEC.image_shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), _READ_AT_ONCE):
        keys = range(start, min(start + _READ_AT_ONCE, len(source)))
        for i, example in zip(keys, source.__getitems__(keys), strict=True):
            images[i], labels[i] = example["image"], example["label"]
    return images, labels


@contextlib.contextmanager
def prepared(
    folder: Path, remedy: str = "delete that folder, and the next run prepares it again"
) -> Iterator[None]:
    """Turns any exception into a UserError: what is prepared in the folder is damaged or foreign.

    TFDS and array_record raise nearly anything then: KeyError, RuntimeError, protobuf's own.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        found = f"found: {one_line(error)}; {remedy}"
        raise UserError(
            f"{folder}: expected a sound dataset in array_record format, {found}"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps TFDS from writing on the terminal: progress bars, announcements, warnings."""
    verbosity, level = logging.get_verbosity(), logging.get_absl_logger().level
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)
        # `jaxletters.runtime.log_filter` made it quieter than absl knows.
        logging.get_absl_logger().setLevel(level)

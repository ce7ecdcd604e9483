"""Datasets by name, as arrays in memory.

A dataset is prepared once by its TFDS builder and read back through TFDS's data source; a
memory-mapped copy of the arrays beside the prepared files makes every later reading fast. Neither
needs TensorFlow.
"""

import contextlib
import importlib
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxletters import files
from jaxletters.config import DatasetConfig
from jaxletters.data import archives, builders, cache, canvas, digests, npz
from jaxletters.data.digests import SplitDigest
from jaxletters.errors import UserError
from jaxletters.types import Dataset

if TYPE_CHECKING:
    from jaxletters.data.builders.base import ArraysBuilder

DATASETS: dict[str, builders.Spec] = {
    "emnist_letters": builders.EMNIST_LETTERS,
    "mnist": builders.MNIST,
    "alpha_letters": builders.ALPHA_LETTERS,
    "sketch_letters": builders.SKETCH_LETTERS,
}

# EMNIST's: letters fill 28x28 pixels but for two at each side.
_CANVAS, _MARGIN = (28, 28), 2

# In the folder of a prepared dataset: the SHA-256 of the files that it was prepared from.
_ORIGIN = "origin.json"

# The test split is a fifth of the training split.
_LEAST_SKETCHES = 5 * 26


def class_names(name: str) -> tuple[str, ...]:
    """Returns the names of a dataset's classes, one per label."""
    return DATASETS[name].class_names


def image_shape(config: DatasetConfig) -> tuple[int, int]:
    """Returns the (height, width) of a dataset's images, in pixels, once they are resized."""
    return _CANVAS if config.resize != "none" else DATASETS[config.name].image_shape


def split_names(config: DatasetConfig) -> Collection[str]:
    """Returns the names of a dataset's splits; looks into the .npz file if there is one.

    Raises:
        UserError: it is not one, or has no training examples.
    """
    if config.npz:
        return npz.splits(_npz(config))
    return DATASETS[config.name].splits


class Part(NamedTuple):
    """Some examples of a split.

    Attributes:
        split: its name.
        indices: int64 `[n]`, rising.
    """

    split: str
    indices: np.ndarray


class Splits:
    """The splits of a dataset, each read once, when it is first asked for.

    Attributes:
        config: the dataset.
        names: of its splits.
    """

    def __init__(self, config: DatasetConfig) -> None:
        self.config = config
        self.names = split_names(config)
        self._raw: dict[str, Dataset] = {}
        self._resized: dict[str, Dataset] = {}
        self._hashes: dict[str, np.ndarray] = {}

    def raw(self, split: str) -> Dataset:
        """Returns a split in the order of its source, its images as the source has them.

        The dataset is prepared first if need be. The arrays are read-only: they may be a file's own pages.

        Raises:
            UserError: the files cannot be had, or are not what they should be.
        """
        if split not in self.names:
            raise UserError(
                f"dataset {self.config.name}: expected one of its splits ({', '.join(self.names)}), "
                f"found {split!r}; to test on it, use cross-validation or another dataset"
            )
        if split not in self._raw:
            self._raw[split] = _load(self.config, split)
        return self._raw[split]

    def digest(self, split: str) -> SplitDigest:
        """Returns what identifies a split, wherever its files lie."""
        return digests.of_split(self.raw(split))

    def take(self, part: Part) -> Dataset:
        """Returns the examples of a part, resized as the config says."""
        whole = self._resize(part.split)
        if len(part.indices) == len(whole.labels):
            return whole
        return whole._replace(images=whole.images[part.indices], labels=whole.labels[part.indices])

    def _resize(self, split: str) -> Dataset:
        raw = self.raw(split)
        if self.config.resize == "none":
            return raw
        if split not in self._resized:
            images = canvas.fit(raw.images, _CANVAS, _MARGIN, self.config.resize)
            self._resized[split] = raw._replace(images=images)
        return self._resized[split]

    def whole(self, split: str) -> Part:
        """Returns all examples of a split."""
        return Part(split, np.arange(len(self.raw(split).labels)))

    def hashes(self, part: Part) -> np.ndarray:
        """Returns what identifies each image of a part, before it is resized: uint64 `[n]`."""
        if part.split not in self._hashes:
            self._hashes[part.split] = digests.of_images(self.raw(part.split).images)
        return self._hashes[part.split][part.indices]


def load(config: DatasetConfig, split: str) -> Dataset:
    """Returns one split of a dataset, in the order of its source; it is prepared first if need be.

    The arrays are read-only: they may be a file's own pages.

    Raises:
        UserError: the files cannot be had, or are not what they should be.
    """
    splits = Splits(config)
    return splits.take(splits.whole(split))


def _load(config: DatasetConfig, split: str) -> Dataset:
    spec = DATASETS[config.name]
    images, labels = npz.read(_npz(config), spec, split) if config.npz else _read(config, split)
    return Dataset(images, labels, spec.class_names)


def _npz(config: DatasetConfig) -> Path:
    return files.expanded(config.npz)


def _read(config: DatasetConfig, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the arrays of a prepared split; the dataset is prepared if it is not."""
    builder = _open(config)
    folder = Path(builder.data_path)
    files.remove_stale(folder.parent, f"incomplete.*_{folder.name}")
    if not folder.exists():
        _prepare(builder, config)
        builder = _open(config)
        for each in DATASETS[config.name].splits:
            _arrays(builder, each)
    return _arrays(builder, split)


def _open(config: DatasetConfig) -> "ArraysBuilder":
    from jaxletters.data.builders import base

    module, cls = DATASETS[config.name].builder.split(":")
    builder_class = getattr(importlib.import_module(module), cls)
    data_dir = _data_dir(config)
    files.check_name(data_dir)

    def build(**arguments: Any) -> "ArraysBuilder":
        with base.quiet(), base.prepared(data_dir / builder_class.name):
            return builder_class(data_dir=data_dir, **arguments)

    if config.name == "sketch_letters":
        if config.size < _LEAST_SKETCHES:
            raise UserError(
                f"config.dataset.size: expected at least {_LEAST_SKETCHES}, so that there is one of "
                f"each letter to test, found {config.size}; draw more"
            )
        from jaxletters.data.builders import sketch_letters

        return build(config=sketch_letters.size_config(config.size))
    builder = build()
    if not config.archives:
        return builder
    given = archives.digests(builder.ARCHIVE, files.expanded(config.archives))
    if not Path(builder.data_path).exists() or _origin(builder) == given:
        return builder
    # Beside what others prepared from other files, which their runs need to continue.
    return build(config=base.of_archives(given))


def _origin(builder: "ArraysBuilder") -> dict[str, str]:
    """Returns the SHA-256 of the files that a dataset was prepared from, {} where that is not known."""
    try:
        found = json.loads((Path(builder.data_path) / _ORIGIN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_here(config: DatasetConfig) -> bool:
    """Returns whether a dataset can be read without a download, and was prepared unless `archives` is set.

    Raises:
        UserError: `archives` names a folder that does not have the files.
    """
    if config.npz:
        return _npz(config).exists()
    # Archives that are named are there, and what is in them counts, prepared before or not.
    return Path(_open(config).data_path).exists() or bool(config.archives)


def from_published_files(config: DatasetConfig) -> bool:
    """Returns whether a dataset was prepared from files that are the published ones byte for byte."""
    if config.npz or config.name == "sketch_letters":
        return False
    builder = _open(config)
    return archives.are_published(builder.ARCHIVE, _origin(builder))


def _data_dir(config: DatasetConfig) -> Path:
    """Returns TFDS's folder of prepared datasets; one in the working folder for a user without a home."""
    from tensorflow_datasets.core import constants

    folder = config.data_dir or constants.DATA_DIR
    try:
        return files.expanded(folder).absolute()
    except UserError:
        # TFDS's default begins so, and nobody mistyped it.
        if config.data_dir or not str(folder).startswith("~/"):
            raise
        return Path("tensorflow_datasets").absolute()


def _prepare(builder: "ArraysBuilder", config: DatasetConfig) -> None:
    import tensorflow_datasets as tfds

    from jaxletters.data.builders import base

    origin, digests_of_origin = None, {}
    if builder.ARCHIVE.files:
        downloads = Path(builder.data_dir_root) / "downloads"
        origin = archives.locate(config.name, builder.ARCHIVE, config.archives, downloads)
        digests_of_origin = archives.digests(builder.ARCHIVE, origin)
    # One line, on stderr, because the first run is silent for half a minute otherwise.
    source = f" from {origin}" if origin else ""
    print(f"Preparing {config.name} (once){source} ...", file=sys.stderr)
    folder = Path(builder.data_path)
    try:
        with base.quiet():
            builder.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(manual_dir=origin),
            )
        # Another process that was faster has said what it prepared from.
        if not (folder / _ORIGIN).exists():
            files.write_json(folder / _ORIGIN, digests_of_origin)
    # array_record reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        # Another process may have been faster: its folder is as good as the one TFDS cannot rename.
        if not folder.exists():
            reason = " ".join(str(error).split())
            raise UserError(
                f"{folder}: {config.name} cannot be prepared here ({reason}); "
                "make room or name another folder (--config.dataset.data_dir=DIR)"
            ) from error
    finally:
        # TFDS removes what it wrote but not the folder for it.
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _arrays(builder: "ArraysBuilder", split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a prepared split from the cache if there is a sound one, else from its records."""
    from jaxletters.data.builders import base

    folder = Path(builder.data_path) / "arrays"
    files.remove_stale(folder, "*.part")
    with base.prepared(folder.parent):
        records = cache.key(base.record_files(builder, split))
        if arrays := cache.read(folder, split, records):
            return arrays
        arrays = base.read_records(builder, split)
    cache.write(folder, split, records, *arrays)
    for array in arrays:
        array.flags.writeable = False
    return arrays

"""Datasets by name, as arrays in memory.

A dataset is prepared once by its TFDS builder and read back through TFDS's data source; a
memory-mapped copy of the arrays beside the prepared files makes every later reading fast. Neither
needs TensorFlow.
"""

import contextlib
import importlib
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxletters import files
from jaxletters.config import DatasetConfig
from jaxletters.data import archives, builders, cache, canvas, npz
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


def load(config: DatasetConfig, split: str) -> Dataset:
    """Returns one split of a dataset, in the order of its source; it is prepared first if need be.

    The arrays are read-only: they may be a file's own pages.

    Raises:
        UserError: the files cannot be had, or are not what they should be.
    """
    spec = DATASETS[config.name]
    names = split_names(config)
    if split not in names:
        raise UserError(
            f"dataset {config.name}: expected one of its splits ({', '.join(names)}), "
            f"found {split!r}; to test on it, use cross-validation or another dataset"
        )
    images, labels = npz.read(_npz(config), spec, split) if config.npz else _read(config, split)
    if config.resize != "none":
        images = canvas.fit(images, _CANVAS, _MARGIN, config.resize)
    return Dataset(images, labels, spec.class_names)


def _npz(config: DatasetConfig) -> Path:
    return files.expanded(config.npz)


def count(config: DatasetConfig, split: str) -> int:
    """Returns how many examples a split has; of a prepared dataset none is read for that."""
    if config.npz or not Path(_open(config).data_path).exists():
        return len(load(config, split).labels)
    return _open(config).info.splits[split].num_examples


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
    arguments = {}
    if config.name == "sketch_letters":
        if config.size < _LEAST_SKETCHES:
            raise UserError(
                f"config.dataset.size: expected at least {_LEAST_SKETCHES}, so that there is one of "
                f"each letter to test, found {config.size}; draw more"
            )
        from jaxletters.data.builders import sketch_letters

        arguments["config"] = sketch_letters.size_config(config.size)
    with base.quiet(), base.prepared(data_dir / builder_class.name):
        return builder_class(data_dir=data_dir, **arguments)


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

    origin = None
    if builder.ARCHIVE.files:
        downloads = Path(builder.data_dir_root) / "downloads"
        origin = archives.locate(config.name, builder.ARCHIVE, config.archives, downloads)
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

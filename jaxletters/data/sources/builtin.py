"""This package's own datasets, prepared once by their TFDS builders."""

import contextlib
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants

from jaxletters.config.builtin_sources import Archived, Builtin, SketchLetters
from jaxletters.config.slots import SplitDigest
from jaxletters.core.errors import UserError, one_line
from jaxletters.data.builders import base, sketch_letters, specs
from jaxletters.data.builders.base import ArraysBuilder
from jaxletters.data.sources import archives, cache, provenance, records
from jaxletters.runtime import files

# In the folder of a prepared dataset: the SHA-256 of the files that it was prepared from.
_ORIGIN = "origin.json"


def load(source: Builtin, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split's images and labels, read-only; prepares the dataset first if necessary.

    The arrays may be memory-mapped.

    Raises:
        UserError: the files are missing and cannot be downloaded, or they are damaged.
    """
    builder = _open(source)
    folder = Path(builder.data_path)
    files.remove_stale(folder.parent, f"incomplete.*_{folder.name}")
    if not folder.exists():
        _prepare(builder, source)
        builder = _open(source)
        for name in builder.SPEC.splits:
            _load_prepared(builder, name)
    return _load_prepared(builder, split)


def is_here(source: Builtin) -> bool:
    """Returns whether a dataset needs no download: it is prepared, or `archives` names its files.

    Raises:
        UserError: `archives` names a folder without the files.
    """
    return Path(_open(source).data_path).exists() or bool(_archives(source))


def note(source: Builtin, digests: Mapping[str, SplitDigest]) -> str:
    """Returns the note for every figure on these images, such as "rebuilt split"; "" if published."""
    builder = _open(source)
    if not builder.ARCHIVE.files:
        return "generated data"
    published = {remote.name: remote.sha256 for remote in builder.ARCHIVE.remotes}
    return provenance.note(source.name, digests, _origin(builder) == published)


def _archives(source: Builtin) -> str:
    return source.archives if isinstance(source, Archived) else ""


def _open(source: Builtin) -> ArraysBuilder:
    module, class_name = specs.SPECS[source.name].builder.split(":")
    builder_class: type[ArraysBuilder] = getattr(importlib.import_module(module), class_name)
    data_dir = _data_dir(source)
    files.check_encoding(data_dir)

    def build(config: tfds.core.BuilderConfig | None = None) -> ArraysBuilder:
        with records.silence_tfds(), records.convert_errors(data_dir / builder_class.name):
            return builder_class(data_dir=data_dir, config=config)

    if isinstance(source, SketchLetters):
        return build(sketch_letters.size_config(source.size))
    builder = build()
    if not _archives(source):
        return builder
    digests = archives.digests(builder.ARCHIVE, files.expand_user(_archives(source)))
    if not Path(builder.data_path).exists() or _origin(builder) == digests:
        return builder
    # Runs on the dataset that was prepared from other files still need it, so this one goes beside it.
    return build(base.config_of_archives(digests))


def _origin(builder: ArraysBuilder) -> dict[str, str]:
    """Returns the SHA-256 of the files that a dataset was prepared from, or {} if unknown."""
    try:
        origin = json.loads((Path(builder.data_path) / _ORIGIN).read_bytes())
    except (OSError, ValueError):
        return {}
    return cast(dict[str, str], origin) if isinstance(origin, dict) else {}


def _data_dir(source: Builtin) -> Path:
    """Returns TFDS's folder of prepared datasets; without a home folder, one in the working folder."""
    folder = source.data_dir or constants.DATA_DIR
    try:
        return files.expand_user(folder).absolute()
    except UserError:
        # The default starts with ~ and is no user's mistake.
        if source.data_dir or not str(folder).startswith("~/"):
            raise
        return Path("tensorflow_datasets").absolute()


def _prepare(builder: ArraysBuilder, source: Builtin) -> None:
    originals, digests = None, {}
    if builder.ARCHIVE.files:
        downloads = Path(builder.data_dir_root) / "downloads"
        originals = archives.locate(source.name, builder.ARCHIVE, _archives(source), downloads)
        digests = archives.digests(builder.ARCHIVE, originals)
    # One line, because the first run is otherwise silent for half a minute.
    where = f" from {originals}" if originals else ""
    print(f"Preparing {source.name} (once){where} ...", file=sys.stderr)
    folder = Path(builder.data_path)
    try:
        with records.silence_tfds():
            builder.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(manual_dir=originals),
            )
        # Another process that prepared the dataset meanwhile has written its own origin.
        if not (folder / _ORIGIN).exists():
            files.write_json(folder / _ORIGIN, digests)
    # array_record reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        # TFDS cannot rename its folder if another process was faster; that one's folder is as good.
        if not folder.exists():
            raise UserError(
                f"{folder}: {source.name} cannot be prepared here ({one_line(error)}); "
                "make room or name another folder (--config.dataset.data_dir=DIR)"
            ) from error
    finally:
        # TFDS removes its files but leaves the folder.
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _load_prepared(builder: ArraysBuilder, split: str) -> tuple[np.ndarray, np.ndarray]:
    folder = Path(builder.data_path)
    with records.convert_errors(folder):
        return cache.load_or_decode(
            folder / "arrays",
            split,
            records.paths(builder, split),
            lambda: records.load(builder, split, builder.SPEC.image_shape),
        )

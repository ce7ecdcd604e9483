"""The datasets of this project's own TFDS builders.

A dataset is prepared once by its builder and read back through TFDS's data source; a memory-mapped copy of
the arrays beside the prepared files makes every later reading fast. Neither needs TensorFlow.
"""

import contextlib
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.slots import DatasetInfo, SplitDigest
from jaxletters.core.errors import UserError
from jaxletters.data.builders import specs
from jaxletters.data.sources import archives, cache, provenance
from jaxletters.runtime import files

if TYPE_CHECKING:
    from jaxletters.config.builtin_sources import Builtin
    from jaxletters.data.builders.base import ArraysBuilder

# In the folder of a prepared dataset: the SHA-256 of the files that it was prepared from.
_ORIGIN = "origin.json"


def info(name: str) -> DatasetInfo:
    """Returns what can be said of a dataset before any of its files is touched."""
    spec = specs.SPECS[name]
    return DatasetInfo(spec.splits, spec.class_names, spec.image_shape, spec.fit)


def read(source: "Builtin", split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the arrays of a prepared split; the dataset is prepared if it is not.

    The arrays are read-only: they may be a file's own pages.

    Raises:
        UserError: the files cannot be had, or are not what they should be.
    """
    builder = _open(source)
    folder = Path(builder.data_path)
    files.remove_stale(folder.parent, f"incomplete.*_{folder.name}")
    if not folder.exists():
        _prepare(builder, source)
        builder = _open(source)
        for each in builder.SPEC.splits:
            _arrays(builder, each)
    return _arrays(builder, split)


def is_here(source: "Builtin") -> bool:
    """Returns whether a dataset can be read without a download, and was prepared unless `archives` is set.

    Raises:
        UserError: `archives` names a folder that does not have the files.
    """
    # Archives that are named are there, and what is in them counts, prepared before or not.
    return Path(_open(source).data_path).exists() or bool(_archives(source))


def note(source: "Builtin", digests: Mapping[str, SplitDigest]) -> str:
    """Returns what must be said of the images wherever a figure on them stands; "" for published ones."""
    builder = _open(source)
    if not builder.ARCHIVE.files:
        return "generated data"
    published = archives.are_published(builder.ARCHIVE, _origin(builder))
    return provenance.note(source.name, digests, published)


def _archives(source: "Builtin") -> str:
    return getattr(source, "archives", "")


def _open(source: "Builtin") -> "ArraysBuilder":
    from jaxletters.data.builders import base

    module, cls = specs.SPECS[source.name].builder.split(":")
    builder_class = getattr(importlib.import_module(module), cls)
    data_dir = _data_dir(source)
    files.check_encoding(data_dir)

    def build(**arguments: Any) -> "ArraysBuilder":
        with base.quiet(), base.prepared(data_dir / builder_class.name):
            return builder_class(data_dir=data_dir, **arguments)

    if isinstance(source, SketchLetters):
        from jaxletters.data.builders import sketch_letters

        return build(config=sketch_letters.size_config(source.size))
    builder = build()
    if not _archives(source):
        return builder
    given = archives.digests(builder.ARCHIVE, files.expand_user(_archives(source)))
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


def _data_dir(source: "Builtin") -> Path:
    """Returns TFDS's folder of prepared datasets; one in the working folder for a user without a home."""
    from tensorflow_datasets.core import constants

    folder = source.data_dir or constants.DATA_DIR
    try:
        return files.expand_user(folder).absolute()
    except UserError:
        # TFDS's default begins so, and nobody mistyped it.
        if source.data_dir or not str(folder).startswith("~/"):
            raise
        return Path("tensorflow_datasets").absolute()


def _prepare(builder: "ArraysBuilder", source: "Builtin") -> None:
    import tensorflow_datasets as tfds

    from jaxletters.data.builders import base

    origin, digests_of_origin = None, {}
    if builder.ARCHIVE.files:
        downloads = Path(builder.data_dir_root) / "downloads"
        origin = archives.locate(source.name, builder.ARCHIVE, _archives(source), downloads)
        digests_of_origin = archives.digests(builder.ARCHIVE, origin)
    # One line, on stderr, because the first run is silent for half a minute otherwise.
    where = f" from {origin}" if origin else ""
    print(f"Preparing {source.name} (once){where} ...", file=sys.stderr)
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
                f"{folder}: {source.name} cannot be prepared here ({reason}); "
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

"""The array_record files of a dataset that TFDS prepared, read without TensorFlow."""

import contextlib
import io
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from jaxletters.core.errors import UserError, one_line

_BATCH = 1000


def _image_and_label(example: Mapping[str, Any]) -> tuple[np.ndarray, int]:
    return example["image"], example["label"]


def load(
    builder: tfds.core.DatasetBuilder,
    split: str,
    image_shape: tuple[int, ...],
    decode: Callable[[Mapping[str, Any]], tuple[np.ndarray, int]] = _image_and_label,
    decoders: Mapping[str, tfds.decode.Decoder] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a prepared split's uint8 images `[n, *image_shape]` and int32 labels `[n]`.

    `decode` returns the image and label of an example, after TFDS's decoders.
    """
    # TFDS's annotations do not describe its data sources.
    source = cast(Any, builder).as_data_source(split, decoders=decoders)
    images = np.empty((len(source), *image_shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), _BATCH):
        keys = range(start, min(start + _BATCH, len(source)))
        for i, example in zip(keys, source.__getitems__(keys), strict=True):
            images[i], labels[i] = decode(example)
    return images, labels


def paths(builder: tfds.core.DatasetBuilder, split: str) -> list[Path]:
    """Returns the files that hold a prepared split's examples and their encoding."""
    shards = cast(list[str], builder.info.splits[split].filepaths)
    return [Path(builder.data_path) / "features.json", *map(Path, shards)]


@contextlib.contextmanager
def convert_errors(
    folder: Path, remedy: str = "delete that folder, and the next run prepares it again"
) -> Generator[None]:
    """Turns any exception into a UserError: the folder's dataset is damaged or of another kind.

    TFDS and array_record raise many types then: KeyError, RuntimeError, protobuf's own.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{folder}: expected an undamaged dataset in array_record format, found: {one_line(error)}; "
            f"{remedy}"
        ) from error


@contextlib.contextmanager
def silence_tfds() -> Generator[None]:
    """Keeps TFDS from writing progress bars, announcements and warnings to the terminal."""
    verbosity, level = logging.get_verbosity(), logging.get_absl_logger().level
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)
        # `jaxletters.runtime.log_filter` may have set a level that absl's verbosities do not have.
        logging.get_absl_logger().setLevel(level)

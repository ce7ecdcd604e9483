"""Images and labels that are arrays, in memory or in a file."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import MEMORY_PREFIX, TRANSPOSED, UPRIGHT, Arrays
from jaxletters.core.errors import UserError, printable
from jaxletters.data import orientation
from jaxletters.data.formats import alphabets, array_files, labels, pixels
from jaxletters.data.formats.contents import Contents, NamedArray
from jaxletters.data.sources import memory
from jaxletters.runtime import files


class Loaded(NamedTuple):
    """A dataset, all its arrays read-only."""

    info: DatasetInfo
    # uint8 images [n, h, w] or [n, h, w, 3] and int32 labels [n] of each split
    splits: dict[str, tuple[np.ndarray, np.ndarray]]


def load(config: Arrays) -> Loaded:
    """Returns the dataset of a config; reads each version of its files once.

    Raises:
        UserError: a file is missing or damaged, or the arrays are not images and their labels.
    """
    return _load(config, tuple(_version(path) for path in _paths(config)))


def is_here(config: Arrays) -> bool:
    """Returns whether all arrays of a config can be read."""
    return all(
        memory.is_held(path) if path.startswith(MEMORY_PREFIX) else files.expand_user(path).exists()
        for path in _paths(config)
        if path
    )


def _paths(config: Arrays) -> tuple[str, ...]:
    return (config.images, config.labels, config.test_images, config.test_labels)


def _version(path: str) -> tuple[str, int, int]:
    """Returns the expanded path, size and time of the last change of a file; a token has neither."""
    if not path or path.startswith(MEMORY_PREFIX):
        return path, 0, 0
    expanded = files.expand_user(path)
    try:
        status = expanded.stat()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{printable(path)}: expected a file, found nothing that can be read ({error}); check the path"
        ) from error
    return str(expanded), status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=1)
def _load(config: Arrays, versions: tuple[tuple[str, int, int], ...]) -> Loaded:
    images_path, labels_path, test_images_path, test_labels_path = (path for path, *_ in versions)
    contents = _contents(images_path, labels_path, "")
    if "train" not in contents.splits:
        raise UserError(
            f"{images_path}: expected training images, found only test images; name the file as "
            "config.dataset.test_images"
        )
    paths = dict.fromkeys(contents.splits, images_path)
    remarks = [*contents.remarks]
    if test_images_path:
        if "test" in contents.splits:
            remarks.append(f"The test split of {Path(images_path).name} is not read.")
        test = _contents(test_images_path, test_labels_path, "test_")
        remarks += test.remarks
        contents.splits["test"] = test.splits.get("test") or test.splits["train"]
        paths["test"] = test_images_path
    classes = labels.standard(
        {split: pair[1] for split, pair in contents.splits.items()},
        config.class_names or contents.class_names,
    )
    counts = {split: len(values) for split, values in classes.labels.items()}
    stored = {split: pair[0] for split, pair in contents.splits.items()}
    images, image_remarks = pixels.standard(stored, counts)
    remarks += image_remarks
    splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for split, path in paths.items():
        upright = _upright(images[split], path, config.orientation, remarks)
        splits[split] = (255 - upright if config.ink == "dark" else upright, classes.labels[split])
        for array in splits[split]:
            array.flags.writeable = False
    if config.ink == "dark":
        remarks.append("Ink is dark; the images are inverted.")
    remarks += classes.remarks
    shape = splits["train"][0].shape[1:]
    info = DatasetInfo(
        splits=tuple(splits),
        class_names=classes.names,
        image_shape=shape,
        fit=alphabets.fit(classes.names, shape, emnist=bool(contents.class_names)),
        inverted=config.ink == "dark",
        remarks=tuple(dict.fromkeys(remarks)),
    )
    return Loaded(info, splits)


def _contents(images_path: str, labels_path: str, prefix: str) -> Contents:
    if not labels_path:
        if not images_path.startswith(MEMORY_PREFIX):
            return array_files.read(Path(images_path))
        raise UserError(
            f"config.dataset.{prefix}labels: expected the labels of {prefix}images, found an empty text; "
            "give them"
        )
    images = _array(images_path, f"config.dataset.{prefix}images")
    targets = _array(labels_path, f"config.dataset.{prefix}labels")
    return Contents({"train": (images, targets)}, alphabets.of_file(Path(images_path).name))


def _array(path: str, setting: str) -> NamedArray:
    if path.startswith(MEMORY_PREFIX):
        return NamedArray(setting, memory.hold(path)[1])
    return array_files.read_array(Path(path))


def _upright(images: np.ndarray, path: str, lie: str, remarks: list[str]) -> np.ndarray:
    """Returns upright images; EMNIST's own files are known to be transposed."""
    is_file = not path.startswith(MEMORY_PREFIX)
    if lie == UPRIGHT and is_file and array_files.is_emnist(Path(path)):
        remarks.append(
            f"{Path(path).name} holds transposed images, as EMNIST's files do; they are turned."
        )
        lie = TRANSPOSED
    return orientation.upright(images, lie)

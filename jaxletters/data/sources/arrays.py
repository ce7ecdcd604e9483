"""Images and labels that are arrays: in memory, or in a file."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.config import sources
from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import MEMORY, Arrays
from jaxletters.core.errors import UserError, printable
from jaxletters.data import orientation
from jaxletters.data.formats import alphabets, array_files, labels, pixels
from jaxletters.data.formats.array_files import Contents
from jaxletters.data.formats.pixels import Named
from jaxletters.data.sources import memory
from jaxletters.runtime import files


class Loaded(NamedTuple):
    """A dataset.

    Attributes:
        info: its description.
        splits: of each, uint8 images `[n, h, w]` or `[n, h, w, 3]` and int32 labels `[n]`, read-only.
    """

    info: DatasetInfo
    splits: dict[str, tuple[np.ndarray, np.ndarray]]


class _Stamp(NamedTuple):
    path: str
    size: int = 0
    modified: int = 0


def load(config: Arrays) -> Loaded:
    """Returns what a config's arrays hold; reads files once, until they change.

    Raises:
        UserError: they are not there, damaged, or not images and their labels.
    """
    given = (config.images, config.labels, config.test_images, config.test_labels)
    return _load(config, tuple(_stamp(setting) for setting in given))


def are_here(config: Arrays) -> bool:
    """Returns whether all arrays of a config can be read."""
    given = (config.images, config.labels, config.test_images, config.test_labels)
    return all(
        memory.is_held(at) if at.startswith(MEMORY) else files.expand_user(at).exists()
        for at in given
        if at
    )


def _stamp(setting: str) -> _Stamp:
    if not setting or setting.startswith(MEMORY):
        return _Stamp(setting)
    path = files.expand_user(setting)
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{printable(setting)}: expected a file, found nothing that can be read ({error}); check the path"
        ) from error
    return _Stamp(str(path), about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _load(config: Arrays, stamps: tuple[_Stamp, ...]) -> Loaded:
    images_at, labels_at, test_images_at, test_labels_at = (stamp.path for stamp in stamps)
    contents = _contents(images_at, labels_at, "")
    if "train" not in contents.splits:
        raise UserError(
            f"{images_at}: expected training images, found those of a test alone; name the file as "
            "config.dataset.test_images"
        )
    found = {split: (images_at, pair) for split, pair in contents.splits.items()}
    remarks = list(contents.remarks)
    if test_images_at:
        test = _contents(test_images_at, test_labels_at, "test_")
        if "test" in found:
            remarks.append(f"The test split of {Path(images_at).name} is not read.")
        found["test"] = (test_images_at, test.splits.get("test") or test.splits["train"])
        remarks += test.remarks
    names = config.class_names or contents.class_names
    classes = labels.standard({split: pair[1] for split, (_, pair) in found.items()}, names)
    counts = {split: len(each) for split, each in classes.labels.items()}
    images, said = pixels.standard({s: pair[0] for s, (_, pair) in found.items()}, counts)
    splits = {}
    for split, (at, _) in found.items():
        turned = orientation.upright(images[split], config.orientation)
        if config.orientation == sources.UPRIGHT and _is_emnists(at):
            turned = orientation.upright(turned, sources.TRANSPOSED)
            said.append(
                f"{Path(at).name} holds transposed images, as EMNIST's files do; they are turned."
            )
        splits[split] = (255 - turned if config.ink == "dark" else turned, classes.labels[split])
        for array in splits[split]:
            array.flags.writeable = False
    if config.ink == "dark":
        said.append("Ink is dark; the images are inverted.")
    shape = splits["train"][0].shape[1:]
    remarks = tuple(dict.fromkeys([*remarks, *said, *classes.remarks]))
    fit = alphabets.fit(classes.names, shape, emnist=bool(contents.class_names))
    info = DatasetInfo(tuple(splits), classes.names, shape, fit, config.ink == "dark", remarks)
    return Loaded(info, splits)


def _contents(images_at: str, labels_at: str, prefix: str) -> Contents:
    if not labels_at:
        if not images_at.startswith(MEMORY):
            return array_files.read(Path(images_at))
        raise UserError(
            f"config.dataset.{prefix}labels: expected the labels of {prefix}images, found an empty text; "
            "give them"
        )
    images, labels = (
        Named(name, memory.hold(at).array)
        if at.startswith(MEMORY)
        else array_files.read_array(Path(at))
        for at, name in (
            (images_at, f"config.dataset.{prefix}images"),
            (labels_at, f"config.dataset.{prefix}labels"),
        )
    )
    return Contents({"train": (images, labels)}, alphabets.of_file(Path(images_at).name))


def _is_emnists(at: str) -> bool:
    return not at.startswith(MEMORY) and array_files.is_emnists(Path(at))

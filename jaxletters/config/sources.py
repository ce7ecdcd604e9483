"""Datasets of a user's files: folders of pictures, datasets of TFDS and arrays."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jaxletters.config.parts import setting
from jaxletters.config.slots import DatasetInfo, Source

if TYPE_CHECKING:
    import numpy as np


# What undoes each: whether rows and columns are exchanged, then the order of rows, then that of columns.
UPRIGHT, TRANSPOSED = "upright", "transposed"
ORIENTATIONS = {
    UPRIGHT: (False, 1, 1),
    TRANSPOSED: (True, 1, 1),
    "mirrored": (False, 1, -1),
    "upside_down": (False, -1, 1),
    "rotated_180": (False, -1, -1),
    "rotated_left": (True, 1, -1),
    "rotated_right": (True, -1, 1),
    "anti_transposed": (True, -1, -1),
}


# Of pictures that are of one thing each: "emnist" and "mnist" centre a character as theirs are.
FITS = ("emnist", "mnist", "pad", "crop", "stretch")
INKS = ("auto", "bright", "dark")
_MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class ImageFolder(Source):
    """A folder of pictures for each class.

    Either `path` has a folder for each class, or folders "train", "validation" (or "val") and "test" that do.
    Classes are called as their folders and numbered in the order of their names' code points; numbers in
    names count as numbers.

    Attributes:
        path: the folder.
        size: (height, width) that every image is brought to, in pixels.
        fit: how, one of FITS.
        channels: 1 for grey, 3 for colour.
        ink: whether strokes are "bright" or "dark" on their paper in grey pictures: dark ones are inverted;
            "auto" to decide by the borders of the pictures.
        orientation: how these pictures lie, one of ORIENTATIONS; those that `jaxletters predict` reads are
            expected upright.
    """

    path: str = setting("", in_fingerprint=False)
    size: tuple[int, ...] = setting((28, 28), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(1, low=1, high=3)
    ink: str = setting("auto", choices=INKS)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))

    def __post_init__(self) -> None:
        """Takes a `Path` for a string."""
        object.__setattr__(self, "path", _as_text(self.path))

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.path:
            yield "path: expected the folder of the pictures, found an empty text; name it"
        if self.channels == 2:
            yield "channels: expected 1 for grey or 3 for colour, found 2"
        yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """The folder's name."""
        from jaxletters.runtime import files

        return files.expand_user(self.path).absolute().name or "folder"

    def info(self) -> DatasetInfo:
        """Returns what the folder holds; see the base class."""
        from jaxletters.data.sources import folder

        return folder.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data.sources import folder

        return folder.load(self, split)

    def is_here(self) -> bool:
        """Returns whether there is the folder."""
        from jaxletters.runtime import files

        folder = files.expand_user(self.path)
        # An empty one may be where a disk is not mounted.
        return folder.is_dir() and any(folder.iterdir())


@dataclasses.dataclass(frozen=True)
class Tfds(Source):
    """A dataset that TensorFlow Datasets has prepared in array_record format; TensorFlow is not needed.

    Attributes:
        dataset: its name, with its config and version if need be: "kmnist", "emnist/balanced:3.1.0".
        data_dir: TFDS's folder of prepared datasets; empty for TFDS's own default.
        size: (height, width) that every image is brought to; empty where all have one size already.
        fit: how, one of FITS.
        channels: 1 for grey, 3 for colour, 0 for what the images have.
        orientation: how the images lie, one of ORIENTATIONS.
    """

    dataset: str = setting("")
    data_dir: str = setting("", in_fingerprint=False)
    size: tuple[int, ...] = setting((), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(0, low=0, high=3)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.dataset:
            yield "dataset: expected a name such as kmnist, found an empty text; name one"
        if self.channels == 2:
            yield "channels: expected 1 for grey, 3 for colour or 0, found 2"
        if self.size:
            yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """TFDS's name."""
        return self.dataset

    def info(self) -> DatasetInfo:
        """Returns what is prepared; see the base class."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.load(self, split)

    def is_here(self) -> bool:
        """Returns whether TFDS has prepared it."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.is_here(self)


# What a setting begins with that stands for an array in memory.
MEMORY_PREFIX = "memory:"


@dataclasses.dataclass(frozen=True)
class Arrays(Source):
    """Images and labels as arrays: in memory, or in a file.

    Files are NumPy's .npz (with the usual names: x_train and y_train, train_images ..., images and labels,
    arr_0 ...) and .npy, .csv with the label first and a column per pixel, EMNIST's .mat, and idx, compressed
    by gzip or not. Images are rows of pixels or squares, with or without a channel axis, as whole numbers or
    from 0 or -1 to 1; labels are numbers from 0 or 1, characters or names, or one-hot.

    Attributes:
        images: a file, or an array.
        labels: a file or an array; empty where the file of the images holds them.
        class_names: one per class; empty for what the labels say.
        test_images: as `images`, of a test split; empty where there is none, or the file holds one.
        test_labels: as `labels`.
        orientation: how the images lie, one of ORIENTATIONS. EMNIST's own files are turned without it.
        ink: whether strokes are "bright" or "dark" on their paper; dark ones are inverted. "auto" takes them
            for bright.
    """

    images: str = setting("", in_fingerprint=False)
    labels: str = setting("", in_fingerprint=False)
    class_names: tuple[str, ...] = ()
    test_images: str = setting("", in_fingerprint=False)
    test_labels: str = setting("", in_fingerprint=False)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))
    ink: str = setting("auto", choices=INKS)

    def __post_init__(self) -> None:
        """Keeps arrays of the caller's; the settings have their SHA-256, so equal arrays are one config."""
        kept = []
        for name in ("images", "labels", "test_images", "test_labels"):
            value = _as_text(getattr(self, name))
            object.__setattr__(self, name, value)
            if not isinstance(value, str) or value.startswith(MEMORY_PREFIX):
                from jaxletters.data.sources import memory

                kept.append(memory.hold(value))
                object.__setattr__(self, name, kept[-1].token)
        if not isinstance(self.class_names, str):
            object.__setattr__(self, "class_names", tuple(map(str, self.class_names)))
        # Equal configs share their arrays, which go when the last of them goes.
        object.__setattr__(self, "_kept", tuple(kept))

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.images:
            yield "images: expected a file or an array, found an empty text; name one"
        if self.test_labels and not self.test_images:
            yield "test_images: expected the images of test_labels, found an empty text; name them"

    @property
    def name(self) -> str:
        """The file's name without its ending, or "arrays"."""
        if self.images.startswith(MEMORY_PREFIX):
            return "arrays"
        return self.images.rpartition("/")[2].partition(".")[0] or "arrays"

    def info(self) -> DatasetInfo:
        """Returns what the arrays hold; see the base class."""
        from jaxletters.data.sources import arrays

        return arrays.load(self).info

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data.sources import arrays

        return arrays.load(self).splits[split]

    def is_here(self) -> bool:
        """Returns whether there are the files, or the arrays are still in memory."""
        from jaxletters.data.sources import arrays

        return arrays.is_here(self)


def _as_text(path: Any) -> Any:
    return path.__fspath__() if hasattr(path, "__fspath__") else path


def _size_problems(size: tuple[int, ...]) -> Iterator[str]:
    if len(size) != 2:
        yield f"size: expected a height and a width, found {size}"

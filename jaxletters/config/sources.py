"""Datasets from a user's own data: folders of pictures, TFDS datasets and arrays; several as one."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jaxletters.config.parts import as_text, setting
from jaxletters.config.slots import DatasetInfo, Source, SplitDigest

if TYPE_CHECKING:
    import numpy as np

# How to undo each orientation: whether to transpose, then the step through the rows and through the columns.
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
# For pictures of one object each; "emnist" and "mnist" centre a character as these datasets do.
FITS = ("emnist", "mnist", "pad", "crop", "stretch")
INKS = ("auto", "bright", "dark")
_MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class ImageFolder(Source):
    """Pictures in a folder for each class.

    The folders of the classes are in `path`, or in its folders "train", "validation" (or "val") and "test".
    They give the names of the classes, which are sorted by code points; digits in names sort as numbers.

    Attributes:
        path: the folder.
        size: (height, width) of every image after resizing, in pixels.
        fit: the method of resizing, one of FITS.
        channels: 1 for grey, 3 for colour.
        ink: whether strokes in grey pictures are "bright" or "dark" on their paper; dark ink is inverted.
            "auto" decides by the borders of the pictures.
        orientation: the orientation of these pictures, one of ORIENTATIONS; `jaxletters predict` expects
            upright pictures.
    """

    path: str = setting("", in_fingerprint=False)
    size: tuple[int, ...] = setting((28, 28), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(1, low=1, high=3)
    ink: str = setting("auto", choices=INKS)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))

    def __post_init__(self) -> None:
        """Converts a `Path` to a string."""
        object.__setattr__(self, "path", as_text(self.path))

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.path:
            yield "path: expected the folder of the pictures, found an empty text; name it"
        if self.channels == 2:
            yield "channels: expected 1 for grey or 3 for colour, found 2"
        yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """The name of the folder."""
        from jaxletters.runtime import files

        return files.expand_user(self.path).absolute().name or "folder"

    def info(self) -> DatasetInfo:
        """Returns the description of the folder; see the base class."""
        from jaxletters.data.sources import folder

        return folder.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; see the base class."""
        from jaxletters.data.sources import folder

        return folder.load(self, split)

    def is_here(self) -> bool:
        """Returns whether the folder exists and is not empty."""
        from jaxletters.runtime import files

        folder = files.expand_user(self.path)
        # An empty folder may be the mount point of a missing disk.
        return folder.is_dir() and any(folder.iterdir())


@dataclasses.dataclass(frozen=True)
class Tfds(Source):
    """A dataset that TensorFlow Datasets has prepared in the array_record format; works without TensorFlow.

    Attributes:
        dataset: its name, optionally with config and version: "kmnist", "emnist/balanced:3.1.0".
        data_dir: TFDS's folder of prepared datasets; empty for its default.
        size: (height, width) of every image after resizing; empty if all images have the same size.
        fit: the method of resizing, one of FITS.
        channels: 1 for grey, 3 for colour, 0 for the channels of the images.
        orientation: the orientation of the images, one of ORIENTATIONS.
    """

    dataset: str = setting("")
    data_dir: str = setting("", in_fingerprint=False)
    size: tuple[int, ...] = setting((), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(0, low=0, high=3)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.dataset:
            yield "dataset: expected a name such as kmnist, found an empty text; name one"
        if self.channels == 2:
            yield "channels: expected 1 for grey, 3 for colour or 0, found 2"
        if self.size:
            yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """The name in TFDS."""
        return self.dataset

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; see the base class."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.load(self, split)

    def is_here(self) -> bool:
        """Returns whether TFDS has prepared the dataset."""
        from jaxletters.data.sources import tfds_dataset

        return tfds_dataset.is_here(self)


# The beginning of a setting that represents an array in memory.
MEMORY_PREFIX = "memory:"


@dataclasses.dataclass(frozen=True)
class Arrays(Source):
    """Images and labels as arrays in memory or in files.

    File formats: NumPy's .npz (with the usual names: x_train and y_train, train_images ..., images and
    labels, arr_0 ...) and .npy; .csv with the label first and a column per pixel; EMNIST's .mat; idx,
    optionally compressed by gzip. Images are flat or two-dimensional, with or without a channel axis; pixels
    are integers, or from 0 or -1 to 1. Labels are numbers from 0 or 1, characters, names or one-hot vectors.

    Attributes:
        images: a file or an array.
        labels: a file or an array; empty if the file of the images contains them.
        class_names: one per class; empty for names from the labels.
        test_images: like `images`, for the test split; empty for no test split or one in the same file.
        test_labels: like `labels`.
        orientation: the orientation of the images, one of ORIENTATIONS. EMNIST's own files are recognised and
            turned without it.
        ink: whether strokes are "bright" or "dark" on their paper; dark ink is inverted. "auto" means bright.
    """

    images: str = setting("", in_fingerprint=False)
    labels: str = setting("", in_fingerprint=False)
    class_names: tuple[str, ...] = ()
    test_images: str = setting("", in_fingerprint=False)
    test_labels: str = setting("", in_fingerprint=False)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))
    ink: str = setting("auto", choices=INKS)

    def __post_init__(self) -> None:
        """Replaces arrays by tokens with their SHA-256, so that configs with equal arrays are equal."""
        kept: list[object] = []
        for name in ("images", "labels", "test_images", "test_labels"):
            value = as_text(getattr(self, name))
            object.__setattr__(self, name, value)
            if not isinstance(value, str) or value.startswith(MEMORY_PREFIX):
                from jaxletters.data.sources import memory

                token, array = memory.hold(value)
                kept.append(array)
                object.__setattr__(self, name, token)
        if not isinstance(self.class_names, str):
            object.__setattr__(self, "class_names", tuple(map(str, self.class_names)))
        # Equal configs share their arrays, which are freed with the last of these configs.
        object.__setattr__(self, "_kept", tuple(kept))

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.images:
            yield "images: expected a file or an array, found an empty text; name one"
        if self.test_labels and not self.test_images:
            yield "test_images: expected images for test_labels, found an empty text; name them"

    @property
    def name(self) -> str:
        """The name of the file without its suffix, or "arrays"."""
        if self.images.startswith(MEMORY_PREFIX):
            return "arrays"
        return self.images.rpartition("/")[2].partition(".")[0] or "arrays"

    def info(self) -> DatasetInfo:
        """Returns the description of the arrays; see the base class."""
        from jaxletters.data.sources import arrays

        return arrays.load(self).info

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; see the base class."""
        from jaxletters.data.sources import arrays

        return arrays.load(self).splits[split]

    def is_here(self) -> bool:
        """Returns whether the files exist or the arrays are still in memory."""
        from jaxletters.data.sources import arrays

        return arrays.is_here(self)


@dataclasses.dataclass(frozen=True)
class Joined(Source):
    """Several datasets as one: `Joined((Mnist(), Emnist()))` has the classes of digits and letters.

    Classes of one name are one class. Characters on MNIST's canvas are brought to EMNIST's if both occur.

    Attributes:
        sources: two or more datasets with the same splits and the same size of images.
    """

    sources: tuple[Source, ...] = ()

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if len(self.sources) < 2:
            yield f"sources: expected two datasets or more, found {len(self.sources)}; add some"
        if any(isinstance(source, Joined) for source in self.sources):
            yield "sources: expected datasets, found one that is joined itself; name its sources instead"

    @property
    def name(self) -> str:
        """The names of the sources: "mnist+emnist_letters"."""
        return "+".join(source.name for source in self.sources)

    def info(self) -> DatasetInfo:
        """Returns the description of the joined dataset; see the base class."""
        from jaxletters.data.sources import joined

        return joined.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split, those of the first source first."""
        from jaxletters.data.sources import joined

        return joined.read(self, split)

    def resized_split(self, split: str, images: "np.ndarray") -> "np.ndarray":
        """Returns the images of a split on one canvas; see the base class."""
        from jaxletters.data.sources import joined

        return joined.on_one_canvas(self, split, images)

    def is_here(self) -> bool:
        """Returns whether the images of all sources can be read without a download."""
        return all(source.is_here() for source in self.sources)

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns the notes of the sources with their names."""
        from jaxletters.data.sources import joined

        return joined.note(self, tuple(digests))


def _size_problems(size: tuple[int, ...]) -> Iterator[str]:
    if len(size) != 2:
        yield f"size: expected a height and a width, found {size}"

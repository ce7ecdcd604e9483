"""The datasets that a config can name: frozen dataclasses, whose methods read what they describe."""

import dataclasses
import os
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jaxletters.errors import UserError
from jaxletters.parts import FITS, DatasetInfo, Part, Source, setting

if TYPE_CHECKING:
    import numpy as np

EMNIST_SUBSETS = ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
RESIZINGS = ("none", "area", "bilinear")
# As `data.orientation` has them, which imports NumPy.
ORIENTATIONS = (
    "upright",
    "transposed",
    "mirrored",
    "upside_down",
    "rotated_180",
    "rotated_left",
    "rotated_right",
    "anti_transposed",
)
INKS = ("auto", "bright", "dark")
TEST_ON = ("test", "validation")
_MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class Split(Part):
    """Which examples are held out of a dataset.

    Attributes:
        limit: the most training examples to use, drawn from all classes alike; 0 for all there are.
        validation_per_class: examples held out of each class of the training split, at most one sixth; with
            0, or where none can be, nothing is validated and the last weights count. Of a dataset with
            validation examples of its own, those are all used instead, and `limit` leaves them alone.
        test_share: share of each class to test on, for a dataset that has no test split.
        test_on: one of TEST_ON: "validation" tests on the validation examples, so that settings can be
            chosen without a look at the test split.
    """

    limit: int = setting(0, low=0, high=10**9)
    validation_per_class: int = setting(800, low=0, high=10**9)
    test_share: float = setting(0.0, low=0, high=0.9)
    test_on: str = setting("test", choices=TEST_ON)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if self.test_on == "validation" and (self.test_share or not self.validation_per_class):
            yield (
                "test_on: to test on the validation examples there must be some, and no others; set "
                "test_share to 0 and validation_per_class to 1 or more"
            )


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
        orientation: how the pictures lie, one of ORIENTATIONS.
    """

    path: str = setting("", identity=False)
    size: tuple[int, ...] = setting((28, 28), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(1, low=1, high=3)
    ink: str = setting("auto", choices=INKS)
    orientation: str = setting("upright", choices=ORIENTATIONS)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.path:
            yield "path: expected the folder of the pictures, found none; name it"
        if self.channels == 2:  # noqa: PLR2004
            yield "channels: expected 1 for grey or 3 for colour, found 2"
        yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.rstrip("/").rpartition("/")[2] or "folder"

    def info(self) -> DatasetInfo:
        """Returns what the folder holds; see the base class."""
        from jaxletters.data import folder

        return folder.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data import folder

        return folder.read(self, split)


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
    data_dir: str = setting("", identity=False)
    size: tuple[int, ...] = setting((), low=1, high=_MOST_PIXELS)
    fit: str = setting("pad", choices=FITS)
    channels: int = setting(0, low=0, high=3)
    orientation: str = setting("upright", choices=ORIENTATIONS)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.dataset:
            yield "dataset: expected a name such as kmnist, found none; name one"
        if self.channels == 2:  # noqa: PLR2004
            yield "channels: expected 1 for grey, 3 for colour or 0, found 2"
        if self.size:
            yield from _size_problems(self.size)

    @property
    def name(self) -> str:
        """TFDS's name."""
        return self.dataset

    def info(self) -> DatasetInfo:
        """Returns what is prepared; see the base class."""
        from jaxletters.data import prepared

        return prepared.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data import prepared

        return prepared.read(self, split)


class _Held:
    """An array of the caller's, kept for as long as a config names it.

    Attributes:
        token: stands for it in a config; has its SHA-256.
        array: a copy of it, read-only.
    """

    def __init__(self, token: str, array: "np.ndarray") -> None:
        self.token, self.array = token, array


_MEMORY = "memory:"
_in_memory: weakref.WeakValueDictionary[str, _Held] = weakref.WeakValueDictionary()


def _hold(value: Any) -> _Held:
    import numpy as np

    from jaxletters.data import digests

    array = np.array(value)
    array.flags.writeable = False
    token = _MEMORY + digests.of_array(array)
    return _in_memory.setdefault(token, _Held(token, array))


def held(setting: str) -> "np.ndarray | None":
    """Returns the array that a setting of `Arrays` stands for; None where it is a file's name.

    Raises:
        UserError: the array was in the memory of another process.
    """
    if not setting.startswith(_MEMORY):
        return None
    if found := _in_memory.get(setting):
        return found.array
    raise UserError(
        "config.dataset: expected the arrays that this config was made with, found a process that does not "
        "have them; make the config from the arrays again"
    )


@dataclasses.dataclass(frozen=True)
class Arrays(Source):
    """Images and labels as arrays: in memory, or in a file.

    Files are NumPy's .npz (the usual names: x_train and y_train, train_images ..., images and labels, arr_0 ...)
    and .npy, .csv with the label first and a column per pixel, EMNIST's .mat, and idx, gzip-compressed or not.
    Images are rows of pixels or squares, with or without a channel axis, as whole numbers or from 0 or -1 to 1;
    labels numbers from 0 or 1, characters or names, one-hot.

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

    images: str = setting("", identity=False)
    labels: str = setting("", identity=False)
    class_names: tuple[str, ...] = ()
    test_images: str = setting("", identity=False)
    test_labels: str = setting("", identity=False)
    orientation: str = setting("upright", choices=ORIENTATIONS)
    ink: str = setting("auto", choices=INKS)

    def __post_init__(self) -> None:
        """Keeps arrays of the caller's; the settings have their SHA-256, so that equal ones are one config."""
        kept = []
        for name in ("images", "labels", "test_images", "test_labels"):
            value: Any = getattr(self, name)
            if isinstance(value, os.PathLike):
                object.__setattr__(self, name, os.fspath(value))
            elif isinstance(value, str):
                kept.append(_in_memory.get(value))
            else:
                kept.append(_hold(value))
                object.__setattr__(self, name, kept[-1].token)
        object.__setattr__(self, "_kept", tuple(kept))

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.images:
            yield "images: expected a file or an array, found none; name one"
        if self.test_labels and not self.test_images:
            yield "test_images: expected the images of test_labels, found none; name them"

    @property
    def name(self) -> str:
        """The file's name without its ending, or "arrays"."""
        if self.images.startswith(_MEMORY):
            return "arrays"
        return self.images.rpartition("/")[2].partition(".")[0] or "arrays"

    def info(self) -> DatasetInfo:
        """Returns what the arrays hold; see the base class."""
        from jaxletters.data import arrays

        return arrays.load(self).info

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data import arrays

        return arrays.load(self).splits[split]


def _size_problems(size: tuple[int, ...]) -> Iterator[str]:
    if len(size) != 2:  # noqa: PLR2004, height and width
        yield f"size: expected a height and a width, found {size}"

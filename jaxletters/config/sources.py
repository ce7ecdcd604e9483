"""The datasets that a config can name: frozen dataclasses, whose methods read what they describe."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jaxletters.config.parts import DatasetInfo, Part, Source, SplitDigest, setting

if TYPE_CHECKING:
    import numpy as np

EMNIST_SUBSETS = ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
RESIZINGS = ("none", "area", "bilinear")
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
TEST_ON = ("test", "validation")
_MOST_PIXELS = 4096
# EMNIST's: letters fill 28x28 pixels but for two at each side.
_CANVAS, _MARGIN = (28, 28), 2
# One of each letter to test, a fifth of the training examples.
_LEAST_SKETCHES = 5 * 26


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
class Builtin(Source):
    """A dataset that one of this project's own TFDS builders prepares once.

    Attributes:
        data_dir: TFDS's folder of prepared datasets; empty for TFDS's own default.
    """

    data_dir: str = setting("", identity=False)

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.info(self.name)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split, which is prepared first if need be; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.read(self, split)

    def is_here(self) -> bool:
        """Returns whether nothing must be downloaded; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.is_here(self)

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns what the images are if not the published ones; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.note(self, digests)


@dataclasses.dataclass(frozen=True)
class Archived(Builtin):
    """A dataset that is prepared from its published files.

    Attributes:
        archives: a folder with the original archives: the dataset is prepared from these files, also
            where it was prepared from others before; empty to use what is prepared, or else the
            environment variable JAXLETTERS_ARCHIVES.
    """

    archives: str = setting("", identity=False)


@dataclasses.dataclass(frozen=True)
class Emnist(Archived):
    """EMNIST (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), upright.

    Attributes:
        subset: "letters": A to Z, both cases in one class, class 0 unused; "balanced" and "bymerge": 47
            classes, digits and letters, cases that look alike in one; "byclass": 62; "digits", "mnist": 10.
    """

    subset: str = setting("letters", choices=EMNIST_SUBSETS)

    @property
    def name(self) -> str:
        """What results call it: "emnist_letters"."""
        return f"emnist_{self.subset}"


@dataclasses.dataclass(frozen=True)
class Mnist(Archived):
    """MNIST's digits (LeCun, Bottou, Bengio, Haffner 1998)."""

    @property
    def name(self) -> str:
        """What results call it."""
        return "mnist"


@dataclasses.dataclass(frozen=True)
class AlphaDigits(Archived):
    """The capital letters of Binary AlphaDigits, 39 of each, numbered as in EMNIST Letters.

    Attributes:
        resize: one of RESIZINGS: how images are brought to EMNIST's 28x28 with a margin of 2; "none"
            leaves their 20x16 bits as they are.
    """

    resize: str = setting("none", choices=RESIZINGS)

    @property
    def name(self) -> str:
        """What results call it."""
        return "alpha_letters"

    def info(self) -> DatasetInfo:
        """Returns what is published; see the base class."""
        info = super().info()
        return info if self.resize == "none" else info._replace(image_shape=_CANVAS)

    def resized(self, images: "np.ndarray") -> "np.ndarray":
        """Returns images on EMNIST's canvas; see the base class."""
        if self.resize == "none":
            return images
        from jaxletters.data import canvas

        return canvas.fit(images, _CANVAS, _MARGIN, self.resize)


@dataclasses.dataclass(frozen=True)
class SketchLetters(Builtin):
    """Generated letters of both cases, not real handwriting; numbered as in EMNIST Letters.

    Attributes:
        size: how many training examples to draw; a fifth as many to test.
    """

    size: int = setting(10_400, low=_LEAST_SKETCHES, high=10**7)

    @property
    def name(self) -> str:
        """What results call it."""
        return "sketch_letters"


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

    path: str = setting("", identity=False)
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

        return files.expanded(self.path).absolute().name or "folder"

    def info(self) -> DatasetInfo:
        """Returns what the folder holds; see the base class."""
        from jaxletters.data.sources import folder

        return folder.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data.sources import folder

        return folder.read(self, split)

    def is_here(self) -> bool:
        """Returns whether there is the folder."""
        from jaxletters.runtime import files

        folder = files.expanded(self.path)
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
    data_dir: str = setting("", identity=False)
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
        from jaxletters.data.sources import prepared

        return prepared.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split; see the base class."""
        from jaxletters.data.sources import prepared

        return prepared.read(self, split)

    def is_here(self) -> bool:
        """Returns whether TFDS has prepared it."""
        from jaxletters.data.sources import prepared

        return prepared.is_here(self)


# What a setting begins with that stands for an array in memory.
MEMORY = "memory:"


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

    images: str = setting("", identity=False)
    labels: str = setting("", identity=False)
    class_names: tuple[str, ...] = ()
    test_images: str = setting("", identity=False)
    test_labels: str = setting("", identity=False)
    orientation: str = setting(UPRIGHT, choices=tuple(ORIENTATIONS))
    ink: str = setting("auto", choices=INKS)

    def __post_init__(self) -> None:
        """Keeps arrays of the caller's; the settings have their SHA-256, so equal arrays are one config."""
        kept = []
        for name in ("images", "labels", "test_images", "test_labels"):
            value = _as_text(getattr(self, name))
            object.__setattr__(self, name, value)
            if not isinstance(value, str) or value.startswith(MEMORY):
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
        if self.images.startswith(MEMORY):
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

        return arrays.are_here(self)


def _as_text(path: Any) -> Any:
    return path.__fspath__() if hasattr(path, "__fspath__") else path


def _size_problems(size: tuple[int, ...]) -> Iterator[str]:
    if len(size) != 2:
        yield f"size: expected a height and a width, found {size}"


BUILTIN = {
    source.name: source
    for source in (
        *(Emnist(subset=subset) for subset in EMNIST_SUBSETS),
        Mnist(),
        AlphaDigits(),
        SketchLetters(),
    )
}

"""The datasets that this package prepares: EMNIST, MNIST, Binary AlphaDigits and generated letters."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxletters.config.parts import setting
from jaxletters.config.slots import DatasetInfo, Source, SplitDigest

if TYPE_CHECKING:
    import numpy as np

EMNIST_SUBSETS = ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
RESIZINGS = ("none", "area", "bilinear")


# EMNIST's: letters fill 28x28 pixels but for two at each side.
_CANVAS, _MARGIN = (28, 28), 2


# One of each letter to test, a fifth of the training examples.
_LEAST_SKETCHES = 5 * 26


@dataclasses.dataclass(frozen=True)
class Builtin(Source):
    """A dataset that one of this project's own TFDS builders prepares once.

    Attributes:
        data_dir: TFDS's folder of prepared datasets; empty for TFDS's own default.
    """

    data_dir: str = setting("", in_fingerprint=False)

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.info(self.name)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns a split, which is prepared first if need be; see the base class."""
        from jaxletters.data.sources import builtin

        return builtin.load(self, split)

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

    archives: str = setting("", in_fingerprint=False)


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


BUILTIN = {
    source.name: source
    for source in (
        *(Emnist(subset=subset) for subset in EMNIST_SUBSETS),
        Mnist(),
        AlphaDigits(),
        SketchLetters(),
    )
}

"""The datasets that this package prepares: EMNIST, MNIST, Binary AlphaDigits and generated letters."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxletters.config.parts import setting
from jaxletters.config.slots import DatasetInfo, Source, SplitDigest
from jaxletters.config.sources import Joined

if TYPE_CHECKING:
    import numpy as np

EMNIST_SUBSETS = ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
RESIZINGS = ("none", "area", "bilinear")
# The size of EMNIST's images and the margin around their letters, in pixels.
_CANVAS, _MARGIN = (28, 28), 2
# The test split is a fifth of the training split and needs one example of each letter.
_LEAST_SKETCHES = 5 * 26


@dataclasses.dataclass(frozen=True)
class Builtin(Source):
    """A dataset that a TFDS builder of this package prepares once.

    Attributes:
        data_dir: TFDS's folder of prepared datasets; empty for its default.
    """

    data_dir: str = setting("", in_fingerprint=False)

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        from jaxletters.data.builders import specs

        return specs.SPECS[self.name].info

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; prepares the dataset first if necessary."""
        from jaxletters.data.sources import builtin

        return builtin.load(self, split)

    def is_here(self) -> bool:
        """Returns whether the dataset can be prepared without a download."""
        from jaxletters.data.sources import builtin

        return builtin.is_here(self)

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns a note if the images are generated or are not the published ones."""
        from jaxletters.data.sources import builtin

        return builtin.note(self, digests)


@dataclasses.dataclass(frozen=True)
class Archived(Builtin):
    """A dataset that is prepared from its published archives.

    Attributes:
        archives: a folder with the original archives, from which the dataset is prepared even if it has been
            prepared from other files; empty for the prepared dataset or the archives in the folder that
            the environment variable JAXLETTERS_ARCHIVES names.
    """

    archives: str = setting("", in_fingerprint=False)


@dataclasses.dataclass(frozen=True)
class Emnist(Archived):
    """EMNIST (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), upright.

    Attributes:
        subset: "letters": A to Z, both cases in one class, class 0 unused; "balanced" and "bymerge": 47
            classes, digits and letters, with similar cases merged; "byclass": 62 classes; "digits" and
            "mnist": 10.
    """

    subset: str = setting("letters", choices=EMNIST_SUBSETS)

    @property
    def name(self) -> str:
        """The name in results, such as "emnist_letters"."""
        return f"emnist_{self.subset}"


@dataclasses.dataclass(frozen=True)
class Mnist(Archived):
    """MNIST's digits (LeCun, Bottou, Bengio, Haffner 1998)."""

    @property
    def name(self) -> str:
        """The name in results."""
        return "mnist"


@dataclasses.dataclass(frozen=True)
class AlphaDigits(Archived):
    """The capital letters of Binary AlphaDigits, 39 of each, numbered as in EMNIST Letters.

    Attributes:
        resize: one of RESIZINGS: how images are brought to EMNIST's 28x28 with a margin of 2; "none"
            keeps the original 20x16 bits.
    """

    resize: str = setting("none", choices=RESIZINGS)

    @property
    def name(self) -> str:
        """The name in results."""
        return "alpha_letters"

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        info = super().info()
        return info if self.resize == "none" else info._replace(image_shape=_CANVAS)

    def resized(self, images: "np.ndarray") -> "np.ndarray":
        """Returns images at EMNIST's size unless `resize` is "none"."""
        if self.resize == "none":
            return images
        from jaxletters.data import canvas

        return canvas.fit(images, _CANVAS, _MARGIN, self.resize)


@dataclasses.dataclass(frozen=True)
class SketchLetters(Builtin):
    """Generated letters of both cases, numbered as in EMNIST Letters; not real handwriting.

    Attributes:
        size: the number of training examples; the test split has a fifth as many.
    """

    size: int = setting(10_400, low=_LEAST_SKETCHES, high=10**7)

    @property
    def name(self) -> str:
        """The name in results."""
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


def by_name(name: str) -> Source | None:
    """Returns the dataset of a name in BUILTIN, or of several with + between; None for another name."""
    names = name.split("+")
    if not BUILTIN.keys() >= {*names}:
        return None
    return BUILTIN[name] if len(names) == 1 else Joined(tuple(BUILTIN[part] for part in names))

"""The dataset of `jaxletters teach`: letters of one hand, and some that the network was trained on."""

import dataclasses
from typing import TYPE_CHECKING

from jaxletters.config.parts import setting
from jaxletters.config.schema import Split
from jaxletters.config.slots import FITS, DatasetInfo, Source
from jaxletters.config.sources import ImageFolder

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Hand(Source):
    """Letters of one hand, for a network that was trained on others: the dataset of `jaxletters teach`.

    The classes are those of the network. Every fifth letter of a class is a test example. The others are
    training examples, repeated to about 3,200 in all. With them come up to 400 training examples of each
    class that the network was trained on, so that it does not forget them. Its validation examples are those
    of this dataset, too.

    Attributes:
        path: a folder with a folder of pictures for each class. The name of a folder may differ from that of
            its class in case, where the network has only one of them; of two classes that differ only in
            case, the second may have `data.naming.folders`' name.
        class_names: the class names of the network, one per label.
        size: the shape of its images.
        fit: how a picture becomes an image of the network, one of FITS.
        pictures: how the pictures in `path` become images, one of FITS.
        inverted: whether the network's pictures are inverted.
        learned: the dataset that the network was trained on; empty if it cannot be had.
        split: which examples of `learned` were held out.
        seed: the seed of the network's run, which decides which of them.
    """

    path: str = setting("", in_fingerprint=False)
    class_names: tuple[str, ...] = ()
    size: tuple[int, ...] = setting((28, 28), low=1)
    fit: str = setting("emnist", choices=FITS)
    pictures: str = setting("pad", choices=FITS)
    inverted: bool = setting(False)
    learned: tuple[Source, ...] = ()
    split: Split = setting(Split())
    seed: int = setting(0, low=0, high=2**32 - 1)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return ImageFolder(self.path).name

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        held_out = self.learned and self.split.validation_per_class
        splits = ("train", "validation", "test") if held_out else ("train", "test")
        return DatasetInfo(splits, self.class_names, self.size, self.fit, self.inverted)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; see the base class."""
        from jaxletters.data.sources import hand

        return hand.read(self, split)

    def is_here(self) -> bool:
        """Returns whether the folder exists and is not empty, and `learned` is here."""
        return ImageFolder(self.path).is_here() and all(part.is_here() for part in self.learned)

"""The dataset of `jaxletters teach`: letters of one hand beside some that the network learned before."""

import dataclasses
from typing import TYPE_CHECKING

from jaxletters.config.parts import setting
from jaxletters.config.slots import FITS, DatasetInfo, Source
from jaxletters.config.sources import ImageFolder

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Hand(Source):
    """Letters of one hand, for a network that learned others: the dataset of `jaxletters teach`.

    The classes are the network's. Every fifth letter of a class is a test example. The training examples are
    the others, repeated, and as many that the network learned before, so that it does not forget them.

    Attributes:
        path: a folder with a folder of pictures for each class; A stands for a where the network has no A.
        class_names: of the network.
        size: the shape of its images.
        fit: how a picture becomes such an image.
        pictures: how these pictures become such images, one of FITS.
        inverted: whether pictures are inverted.
        learned: the dataset that the network learned before, if it is here.
    """

    path: str = setting("", in_fingerprint=False)
    class_names: tuple[str, ...] = ()
    size: tuple[int, ...] = setting((28, 28), low=1)
    fit: str = setting("emnist", choices=FITS)
    pictures: str = setting("pad", choices=FITS)
    inverted: bool = setting(False)
    learned: tuple[Source, ...] = ()

    @property
    def name(self) -> str:
        """The name of the folder."""
        return ImageFolder(self.path).name

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        return DatasetInfo(("train", "test"), self.class_names, self.size, self.fit, self.inverted)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split; see the base class."""
        from jaxletters.data.sources import hand

        return hand.read(self, split)

    def is_here(self) -> bool:
        """Returns whether the folder exists and is not empty."""
        return ImageFolder(self.path).is_here()

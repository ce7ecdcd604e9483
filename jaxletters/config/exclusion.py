"""A dataset without some of its training examples."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.parts import setting
from jaxletters.config.slots import DatasetInfo, Source, SplitDigest

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Without(Source):
    """A dataset without the training examples of a list, such as `jaxletters suspects` writes.

    Attributes:
        source: the dataset.
        file: a CSV file with the columns "image", the hash of an image, and "label", the name of its class.
            Training examples with both are left out.
    """

    source: Source = SketchLetters()
    file: str = setting("", required=True, in_fingerprint=False)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if isinstance(self.source, Without):
            yield "source: expected a dataset, found one without examples; put both lists in one file"

    @property
    def name(self) -> str:
        """The name of the dataset."""
        return self.source.name

    def info(self) -> DatasetInfo:
        """Returns the description of the dataset; see the base class."""
        from jaxletters.data.sources import exclusion

        return exclusion.info(self)

    def read(self, split: str) -> "tuple[np.ndarray, np.ndarray]":
        """Returns the examples of a split that are not left out; see the base class."""
        from jaxletters.data.sources import exclusion

        return exclusion.read(self, split)

    def resized_split(self, split: str, images: "np.ndarray") -> "np.ndarray":
        """Returns the images at the size of the network's input; see the base class."""
        from jaxletters.data.sources import exclusion

        return exclusion.resized_split(self, split, images)

    def is_here(self) -> bool:
        """Returns whether the dataset and the list can be read."""
        from jaxletters.data.sources import exclusion

        return exclusion.is_here(self)

    def note(self, digests: Mapping[str, SplitDigest]) -> str:
        """Returns the note of the dataset, with the number of examples that are left out."""
        from jaxletters.data.sources import exclusion

        return exclusion.note(self, digests)

"""Descriptions of the builders' datasets that are known without importing TFDS."""

from typing import NamedTuple

from jaxletters.config.slots import DatasetInfo
from jaxletters.data.formats import alphabets


class Spec(NamedTuple):
    """The description of a dataset, known before any of its files is read; see also `DatasetInfo`."""

    builder: str  # as "module:class"
    class_names: tuple[str, ...]
    labels: range  # those that may occur
    image_shape: tuple[int, int] = (28, 28)
    splits: tuple[str, ...] = ("train", "test")
    fit: str = "emnist"

    @property
    def info(self) -> DatasetInfo:
        """The description for users."""
        return DatasetInfo(self.splits, self.class_names, self.image_shape, self.fit)


def _emnist(subset: str) -> Spec:
    names = alphabets.EMNIST[subset]
    builder = f"jaxletters.data.builders.emnist:{subset.upper()}"
    return Spec(builder, names, range(names[0] == alphabets.UNUSED, len(names)))


SPECS = {
    **{f"emnist_{subset}": _emnist(subset) for subset in alphabets.EMNIST},
    "mnist": Spec("jaxletters.data.builders.mnist:Mnist", alphabets.DIGITS, range(10), fit="mnist"),
    "alpha_letters": Spec(
        "jaxletters.data.builders.alpha_letters:AlphaLetters",
        alphabets.LETTERS,
        range(1, 27),
        (20, 16),
        splits=("train",),
    ),
    "sketch_letters": Spec(
        "jaxletters.data.builders.sketch_letters:SketchLetters", alphabets.LETTERS, range(1, 27)
    ),
}

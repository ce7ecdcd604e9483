"""Generated letters: drawn by `jaxletters.data.synthetic.sketch`, without files."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import cast

import numpy as np
import tensorflow_datasets as tfds

from jaxletters.data.builders import base, specs
from jaxletters.data.sources.archives import Originals
from jaxletters.data.synthetic import sketch, strokes

# Part of the dataset's definition: a run's seed does not change the data.
_SEED = 0
# The training split is so many times larger than the test split.
_TRAIN_PER_TEST = 5


@dataclasses.dataclass(eq=False)
class SizeConfig(tfds.core.BuilderConfig):
    """The number of training examples; a fifth as many are drawn to test."""

    size: int = 0


def size_config(size: int) -> SizeConfig:
    """Returns the builder config of `size` training examples, as the present code draws them."""
    style = _style(repr(strokes.LETTERS), sketch.draw)
    return SizeConfig(
        name=f"size_{size}_{style}", description=f"{size} training examples", size=size
    )


@functools.cache
def _style(forms: str, draw: Callable[[int, str, int], tuple[np.ndarray, np.ndarray]]) -> str:
    """Returns a digest of all stroke forms and of some drawings, for the name of the dataset.

    A change to either makes another dataset. The drawings alone do not show every form.
    """
    digest = hashlib.sha256(forms.encode())
    for split in specs.SPECS["sketch_letters"].splits:
        digest.update(draw(26, split, _SEED)[0].tobytes())
    return digest.hexdigest()[:8]


class SketchLetters(base.ArraysBuilder):
    """Generated letters of both cases, not real handwriting; labels 1 to 26 are A to Z."""

    name = "jaxletters_sketch_letters"
    HOMEPAGE = ""
    SPEC = specs.SPECS["sketch_letters"]

    def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        del originals
        size = cast(SizeConfig, self.builder_config).size
        return sketch.draw(size if split == "train" else size // _TRAIN_PER_TEST, split, _SEED)

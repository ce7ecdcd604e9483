"""Generated letters: drawn by `jaxletters.data.synthetic.sketch`, needing no files."""

import dataclasses
import hashlib
from typing import cast

import numpy as np
import tensorflow_datasets as tfds

from jaxletters.data.builders import base, specs
from jaxletters.data.sources.archives import Source
from jaxletters.data.synthetic import sketch, strokes

# Part of the dataset's definition: a run's own seed does not change the data.
_SEED = 0
_TEST_SHARE = 5


@dataclasses.dataclass(eq=False)
class SizeConfig(tfds.core.BuilderConfig):
    """How many training examples are drawn; a fifth as many to test."""

    size: int = 0


def size_config(size: int) -> SizeConfig:
    """Returns the builder config of so many training examples, as the code of today draws them."""
    # All forms and a sample of the drawings are in the name, so that a change to either leaves no old
    # ones in use; the sample alone does not have every form.
    style = hashlib.sha256(repr(strokes.LETTERS).encode())
    for split in specs.SPECS["sketch_letters"].splits:
        style.update(sketch.draw(26, split, _SEED)[0].tobytes())
    return SizeConfig(
        name=f"size_{size}_{style.hexdigest()[:8]}",
        description=f"{size} training examples",
        size=size,
    )


class SketchLetters(base.ArraysBuilder):
    """Generated letters of both cases, not real handwriting; labels 1 to 26 are A to Z."""

    name = "jaxletters_sketch_letters"
    HOMEPAGE = ""
    SPEC = specs.SPECS["sketch_letters"]

    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        del sources
        size = cast(SizeConfig, self.builder_config).size
        return sketch.draw(size if split == "train" else size // _TEST_SHARE, split, _SEED)

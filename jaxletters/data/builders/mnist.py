"""MNIST (LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning ...), from its idx files."""

import numpy as np

from jaxletters.data.builders import base, specs
from jaxletters.data.sources import archives
from jaxletters.data.sources.archives import Source


class Mnist(base.ArraysBuilder):
    """Handwritten digits."""

    # TFDS's own `mnist` has other features: neither must find the other's files.
    name = "jaxletters_mnist"
    HOMEPAGE = "http://yann.lecun.com/exdb/mnist/"
    SPEC = specs.SPECS["mnist"]
    ARCHIVE = archives.MNIST
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {ARCHIVE.wanted} here."

    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        prefix = {"train": "train", "test": "t10k"}[split]
        return base.read_idx(
            sources[f"{prefix}-images-idx3-ubyte.gz"],
            sources[f"{prefix}-labels-idx1-ubyte.gz"],
            self.SPEC,
        )

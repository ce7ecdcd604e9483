"""MNIST (LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning ...), from its idx files."""

import numpy as np

from jaxletters.data.builders import base, specs
from jaxletters.data.sources.archives import Archive, Originals
from jaxletters.data.sources.downloads import Remote

_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_REMOTES = tuple(
    Remote(_URL + name, size, sha256)
    for name, size, sha256 in (
        (
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
)


class Mnist(base.ArraysBuilder):
    """Handwritten digits."""

    # Not `mnist`, which is TFDS's own dataset with other features.
    name = "jaxletters_mnist"
    HOMEPAGE = "http://yann.lecun.com/exdb/mnist/"
    SPEC = specs.SPECS["mnist"]
    ARCHIVE = Archive(
        description="{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz",
        files=tuple(remote.name for remote in _REMOTES),
        remotes=_REMOTES,
    )
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {ARCHIVE.description} here."

    def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        prefix = {"train": "train", "test": "t10k"}[split]
        return base.read_idx(
            originals[f"{prefix}-images-idx3-ubyte.gz"],
            originals[f"{prefix}-labels-idx1-ubyte.gz"],
            self.SPEC,
        )

"""EMNIST Letters (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), from NIST's files."""

import numpy as np

from jaxletters.data import archives, builders
from jaxletters.data.archives import Source
from jaxletters.data.builders import base


class EmnistLetters(base.ArraysBuilder):
    """Handwritten letters of both cases, all that the files hold; labels 1 to 26 are A to Z."""

    name = "jaxletters_emnist_letters"
    HOMEPAGE = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
    SPEC = builders.EMNIST_LETTERS
    ARCHIVE = archives.EMNIST_LETTERS
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {ARCHIVE.wanted} here, from {ARCHIVE.remotes[0].url}."

    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        images, labels = base.read_idx(
            sources[f"emnist-letters-{split}-images-idx3-ubyte.gz"],
            sources[f"emnist-letters-{split}-labels-idx1-ubyte.gz"],
            self.SPEC,
        )
        # NIST stores each image column by column.
        return np.ascontiguousarray(images.transpose(0, 2, 1)), labels

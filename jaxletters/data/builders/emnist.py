"""EMNIST (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), from NIST's files."""

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.builders import base, specs
from jaxletters.data.sources import archives
from jaxletters.data.sources.archives import Source


class _Emnist(base.ArraysBuilder, skip_registration=True):
    """Handwritten characters, all that the files hold."""

    HOMEPAGE = "https://www.nist.gov/itl/products-and-services/emnist-dataset"

    def arrays(self, split: str, sources: dict[str, Source]) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        start = self.ARCHIVE.files[0].removesuffix("train-images-idx3-ubyte.gz")
        images, labels = base.read_idx(
            sources[f"{start}{split}-images-idx3-ubyte.gz"],
            sources[f"{start}{split}-labels-idx1-ubyte.gz"],
            self.SPEC,
        )
        _check_mapping(sources[self.ARCHIVE.files[0]].beside(f"{start}mapping.txt"), self.SPEC)
        # NIST stores each image column by column.
        return np.ascontiguousarray(images.transpose(0, 2, 1)), labels


def _check_mapping(mapping: Source, spec: specs.Spec) -> None:
    """Raises a UserError if NIST's mapping file, where there is one, has other classes."""
    if not mapping.exists():
        return
    with mapping.open() as file:
        lines = [line.split() for line in file.read().decode("ascii", "replace").splitlines()]
    # A label, the code of its character and perhaps that of the lower case one in the same class.
    pairs = [
        (int(line[0]), chr(int(line[1])))
        for line in lines
        if line[:2] and all(map(str.isdigit, line))
    ]
    expected = [(label, spec.class_names[label]) for label in spec.labels]
    if sorted(pairs) != expected:
        raise UserError(
            f"{mapping.name}: expected the classes {''.join(n for _, n in expected)} in this order, found "
            "others; fetch the file again"
        )


def _builder(subset: str) -> type[base.ArraysBuilder]:
    archive = archives.emnist(subset)

    class Emnist(_Emnist, skip_registration=True):
        """Handwritten characters, all that the files hold."""

        name = f"jaxletters_emnist_{subset}"
        SPEC = specs.SPECS[f"emnist_{subset}"]
        ARCHIVE = archive
        MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {archive.wanted} here, from {archive.remotes[0].url}."

    return Emnist


LETTERS, BALANCED, BYCLASS, BYMERGE, DIGITS, MNIST = map(
    _builder, ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
)

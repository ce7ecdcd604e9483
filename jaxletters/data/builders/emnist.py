"""EMNIST (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), from NIST's files."""

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.builders import base, specs
from jaxletters.data.sources.archives import Archive, OriginalFile, Originals
from jaxletters.data.sources.downloads import Remote

_REMOTE = Remote(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    561_753_746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
)


def archive(subset: str) -> Archive:
    """Returns the files of a subset of EMNIST, such as "letters"; one zip file holds all subsets."""
    return Archive(
        description=f"gzip.zip or emnist-{subset}-{{train,test}}-{{images-idx3,labels-idx1}}-ubyte.gz",
        files=tuple(
            f"emnist-{subset}-{split}-{kind}-ubyte.gz"
            for split in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ),
        remotes=(_REMOTE,),
        bundle=_REMOTE.name,
    )


class _Emnist(base.ArraysBuilder, skip_registration=True):
    """Handwritten characters of one subset."""

    HOMEPAGE = "https://www.nist.gov/itl/products-and-services/emnist-dataset"

    def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
        """See the base class."""
        prefix = self.ARCHIVE.files[0].removesuffix("train-images-idx3-ubyte.gz")
        images, labels = base.read_idx(
            originals[f"{prefix}{split}-images-idx3-ubyte.gz"],
            originals[f"{prefix}{split}-labels-idx1-ubyte.gz"],
            self.SPEC,
        )
        _check_mapping(originals[self.ARCHIVE.files[0]].sibling(f"{prefix}mapping.txt"), self.SPEC)
        # NIST stores each image column by column.
        return np.ascontiguousarray(images.transpose(0, 2, 1)), labels


def _check_mapping(mapping: OriginalFile, spec: specs.Spec) -> None:
    """Raises a UserError if NIST's mapping file exists and lists other classes."""
    if not mapping.exists():
        return
    with mapping.open() as file:
        lines = [line.split() for line in file.read().decode("ascii", "replace").splitlines()]
    # A label, the code of its character and perhaps that of the lower-case one in the same class.
    pairs = [
        (int(line[0]), chr(int(line[1])))
        for line in lines
        if line[:2] and all(map(str.isdigit, line))
    ]
    expected = [(label, spec.class_names[label]) for label in spec.labels]
    if sorted(pairs) != expected:
        names = "".join(name for _, name in expected)
        raise UserError(
            f"{mapping.name}: expected the classes {names} in this order, found others; fetch the file again"
        )


def _builder(subset: str) -> type[base.ArraysBuilder]:
    files = archive(subset)

    class Emnist(_Emnist, skip_registration=True):
        """Handwritten characters, all that the files hold."""

        name = f"jaxletters_emnist_{subset}"
        SPEC = specs.SPECS[f"emnist_{subset}"]
        ARCHIVE = files
        MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {files.description} here, from {_REMOTE.url}."

    return Emnist


LETTERS, BALANCED, BYCLASS, BYMERGE, DIGITS, MNIST = map(
    _builder, ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
)

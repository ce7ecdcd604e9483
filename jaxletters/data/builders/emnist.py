"""EMNIST (Cohen, Afshar, Tapson, van Schaik 2017, arXiv:1702.05373), from NIST's files."""

import contextlib

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.builders import base, specs
from jaxletters.data.formats import alphabets
from jaxletters.data.sources.archives import Archive, OriginalFile, Originals
from jaxletters.data.sources.downloads import Remote

_REMOTE = Remote(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    561_753_746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
)
_KINDS = ("images-idx3", "labels-idx1")


def archive(subset: str) -> Archive:
    """Returns the files of a subset of EMNIST, such as "letters"; one zip file holds all subsets."""
    return Archive(
        description=f"gzip.zip or emnist-{subset}-{{train,test}}-{{images-idx3,labels-idx1}}-ubyte.gz",
        files=tuple(
            f"emnist-{subset}-{split}-{kind}-ubyte.gz"
            for split in ("train", "test")
            for kind in _KINDS
        ),
        remotes=(_REMOTE,),
        bundle=_REMOTE.name,
    )


def _builder(subset: str) -> type[base.ArraysBuilder]:
    files = archive(subset)

    class Emnist(base.ArraysBuilder, skip_registration=True):
        """Handwritten characters, all that the files hold."""

        name = f"jaxletters_emnist_{subset}"
        HOMEPAGE = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
        SPEC = specs.SPECS[f"emnist_{subset}"]
        ARCHIVE = files
        MANUAL_DOWNLOAD_INSTRUCTIONS = f"Put {files.description} here, from {_REMOTE.url}."

        def arrays(self, split: str, originals: Originals) -> tuple[np.ndarray, np.ndarray]:
            """See the base class."""
            images_file, labels_file = (
                originals[f"emnist-{subset}-{split}-{kind}-ubyte.gz"] for kind in _KINDS
            )
            images, labels = base.read_idx(images_file, labels_file, self.SPEC)
            _check_mapping(images_file.sibling(f"emnist-{subset}-mapping.txt"), self.SPEC)
            # NIST stores each image column by column.
            return np.ascontiguousarray(images.transpose(0, 2, 1)), labels

    return Emnist


def _check_mapping(mapping: OriginalFile, spec: specs.Spec) -> None:
    """Raises a UserError if NIST's mapping file exists and lists other classes."""
    if not mapping.exists():
        return
    with mapping.open() as file:
        lines = [line.split() for line in file.read().decode("ascii", "replace").splitlines()]
    rows = [list(map(int, line)) for line in lines if line[1:] and all(map(str.isdigit, line))]
    # A ValueError or OverflowError: the numbers are no labels and codes of characters.
    with contextlib.suppress(ValueError, OverflowError):
        if alphabets.of_mapping(rows) == spec.class_names:
            return
    names = "".join(spec.class_names[label] for label in spec.labels)
    raise UserError(
        f"{mapping.name}: expected the classes {names} in this order, found others; fetch the file again"
    )


LETTERS, BALANCED, BYCLASS, BYMERGE, DIGITS, MNIST = map(
    _builder, ("letters", "balanced", "byclass", "bymerge", "digits", "mnist")
)

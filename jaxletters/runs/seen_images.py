"""Hashes of the images that the weights of a run depend on, in `examples.npz`.

A run that starts from these weights must not be tested on any of the images.
"""

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.runtime.files import write_bytes

_FILE = "examples.npz"


class SeenImages(NamedTuple):
    """Hashes of the images that weights depend on, from `digests.of_images`.

    Attributes:
        trained: uint64 `[n]`, rising: of the training examples, including those of the base.
        validated: uint64 `[m]`, rising: of the examples that the best weights were selected with.
    """

    trained: NDArray[np.uint64]
    validated: NDArray[np.uint64]

    def union(self, trained: NDArray[np.uint64], validated: NDArray[np.uint64]) -> "SeenImages":
        """Returns the hashes after these weights were trained further."""
        return SeenImages(np.union1d(self.trained, trained), np.union1d(self.validated, validated))

    def encode(self) -> bytes:
        """Returns the content of `examples.npz`."""
        file = io.BytesIO()
        np.savez(file, trained=self.trained, validated=self.validated)
        return file.getvalue()


NO_IMAGES = SeenImages(np.empty(0, np.uint64), np.empty(0, np.uint64))


def write(folder: Path, content: bytes) -> None:
    """Writes the content of `examples.npz` to a run folder."""
    write_bytes(folder / _FILE, content)


def load(folder: Path, sha256: str) -> SeenImages:
    """Returns the hashes of a finished run.

    Args:
        folder: the run folder.
        sha256: of the file, from the manifest.

    Raises:
        UserError: `examples.npz` is missing or damaged.
    """
    file = folder / _FILE
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); restore the file") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{file}: expected the file of the SHA-256 that manifest.json gives, found another; restore it, "
            "or train the run again in another folder"
        )
    with np.load(io.BytesIO(content)) as arrays:
        return SeenImages(arrays["trained"], arrays["validated"])

"""Small original files, written as their publishers do, and the real ones where they are."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from inputs import idx

from jaxletters.config.builtin_sources import Emnist


@pytest.fixture(scope="session")
def idx_bytes():
    return idx


@pytest.fixture(scope="session")
def write_mnist():
    """Writes a few random digits into a folder; returns what the files hold."""

    def write(folder: Path, n_train=40, n_test=20):
        rng = np.random.default_rng(1)
        folder.mkdir(parents=True, exist_ok=True)
        written = {}
        for split, prefix, n in (("train", "train", n_train), ("test", "t10k", n_test)):
            images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
            labels = rng.integers(0, 10, n).astype(np.uint8)
            (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images), 1))
            (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), 1))
            written[split] = (images, labels)
        return written

    return write


@pytest.fixture(scope="session")
def write_alpha_digits():
    """Writes a file like binaryalphadigs.mat; returns its images, `[36, 39, 20, 16]` of 0 and 1."""

    def write(folder: Path, classes=36, shape=(20, 16), ink=1):
        pixels = np.random.default_rng(2).integers(0, 2, (classes, 39, *shape)).astype(np.uint8)
        cells = np.empty((classes, 39), object)
        for index in np.ndindex(*cells.shape):
            cells[index] = pixels[index] * np.uint8(ink)
        folder.mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(folder / "binaryalphadigs.mat", {"dat": cells})
        return pixels

    return write


@pytest.fixture(scope="session")
def real_archives():
    """The folder with the real archives."""
    folder = os.environ.get("JAXLETTERS_ARCHIVES")
    if not folder:
        pytest.skip("needs the real archives: set JAXLETTERS_ARCHIVES to their folder")
    return Path(folder)


@pytest.fixture(scope="session")
def real_emnist(real_archives, tmp_path_factory):
    """A config of EMNIST Letters from the real archives, prepared at most once (half a minute)."""
    data_dir = os.environ.get("TFDS_DATA_DIR") or tmp_path_factory.mktemp("tfds")
    return Emnist(archives=str(real_archives), data_dir=str(data_dir))

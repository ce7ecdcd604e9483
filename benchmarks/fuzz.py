"""Coverage-guided fuzzing of the parsers of foreign files: idx, npz and mat.

    pip install atheris
    python benchmarks/fuzz.py idx -max_total_time=600

A parser must return valid arrays or raise a UserError, in bounded memory. libFuzzer reports any other outcome
with its input. Flags after the format are passed to libFuzzer.
"""

import gzip
import io
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris
import numpy as np
import scipy.sparse  # so that it is not instrumented with what follows

with atheris.instrument_imports(include=["jaxletters.data", "scipy.io.matlab"]):
    import scipy.io

    from jaxletters.config.sources import Arrays
    from jaxletters.core.errors import UserError
    from jaxletters.data.builders import alpha_letters
    from jaxletters.data.formats import idx
    from jaxletters.data.sources import arrays
    from jaxletters.data.sources.archives import OriginalFile

_FOLDER = Path(tempfile.mkdtemp())


def parse_idx(data: bytes) -> None:
    """Parses images or labels, also compressed, because the fuzzer does not discover gzip."""
    shape = ((), (28, 28), (2, 3))[data[0] % 3] if data else ()
    for file in (data[1:], gzip.compress(data[1:], 1)):
        try:
            array = idx.read(io.BytesIO(file), "fuzz", shape)
        except UserError:
            continue
        assert array.dtype == np.uint8
        assert array.shape[1:] == shape


def parse_npz(data: bytes) -> None:
    """Parses an archive with the fuzzer's bytes as members, and the bytes themselves."""
    path = _FOLDER / "fuzz.npz"
    half = len(data) // 2
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", data[:half])
        archive.writestr("labels.npy", data[half:])
    for content in (path.read_bytes(), data):
        path.write_bytes(content)
        try:
            images, labels = arrays.load(Arrays(path)).splits["train"]
        except UserError:
            continue
        assert len(images) == len(labels)
        assert images.dtype == np.uint8


def parse_mat(data: bytes) -> None:
    """Parses the cells of Binary AlphaDigits."""
    path = _FOLDER / "fuzz.mat"
    path.write_bytes(data)
    try:
        cells = alpha_letters._cells(OriginalFile(path))
    except UserError:
        return
    assert cells.shape == (36, 39)


def seeds() -> dict[str, list[bytes]]:
    """Returns a few valid files of each format, small enough for the fuzzer to mutate every byte."""
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    head = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 2, 3)
    members = []
    for array in (np.ones((26, 320), np.uint8), np.arange(1, 27)):
        file = io.BytesIO()
        np.save(file, array)
        members.append(file.getvalue())
    cells = np.empty((36, 39), object)
    for place in np.ndindex(*cells.shape):
        cells[place] = np.zeros((1, 1), np.uint8)
    files = []
    for compressed in (True, False):
        file = io.BytesIO()
        scipy.io.savemat(file, {"dat": cells[:2, :2]}, do_compression=compressed)
        files.append(file.getvalue())
    return {"idx": [b"\2" + head + pixels.tobytes()], "npz": [b"".join(members)], "mat": files}


_PARSERS = {"idx": parse_idx, "npz": parse_npz, "mat": parse_mat}

if __name__ == "__main__":
    parser = _PARSERS[sys.argv[1]]
    corpus = _FOLDER / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(seeds()[sys.argv[1]]):
        (corpus / str(i)).write_bytes(seed)
    atheris.Setup([sys.argv[0], "-rss_limit_mb=4096", *sys.argv[2:], str(corpus)], parser)
    atheris.Fuzz()

"""Opens files of arrays and recognises their format: .npz, .npy, .csv, idx, EMNIST's .mat."""

import contextlib
import gzip
from collections.abc import Generator
from pathlib import Path
from typing import IO, cast

import numpy as np

from jaxletters.core.errors import UserError, one_line, printable
from jaxletters.data import mapped
from jaxletters.data.formats import alphabets, csv_table, emnist_mat, idx, npz
from jaxletters.data.formats.contents import Contents, NamedArray, OpenFile

# As float64, EMNIST Letters takes 0.8 GB. A file that inflates to more than this and to more than 20 times
# its size is hostile.
_MOST_BYTES, _MOST_INFLATED = 2**30, 20


def read(path: Path) -> Contents:
    """Returns the images and labels of a file that holds both.

    Raises:
        UserError: the file has another format or other content, or is damaged.
    """
    with _open(path) as (file, kind):
        if kind == "npz":
            return npz.read(file)
        if kind == "mat":
            return emnist_mat.read(file)
        if kind == "csv":
            labels, images = csv_table.read(file, labelled=True)
            pair = NamedArray(file.name, images), NamedArray(f"{file.name}: labels", labels)
            return Contents({"train": pair}, alphabets.of_file(path.name))
        raise UserError(
            f"{file.name}: expected a file of images and labels, found a single array; name the other: "
            "config.dataset.images=..., config.dataset.labels=..."
        )


def read_array(path: Path) -> NamedArray:
    """Returns the only array of a file, or a table without labels.

    Raises:
        UserError: the file has another format, is damaged, or holds several arrays.
    """
    with _open(path) as (file, kind):
        if kind == "idx":
            array = idx.read(file.stream, file.name, None)
        elif kind == "npy" and _is_mapped(file.stream, path):
            array = cast(np.ndarray, np.load(path, mmap_mode="r", allow_pickle=False))
        elif kind == "npy":
            array = npz.read_npy(file.stream, file.max_bytes)
        elif kind == "csv":
            array = csv_table.read(file, labelled=False)[1]
        elif kind == "npz":
            array = npz.read_only_array(file)
        else:
            raise npz.not_one_array(file.name, "MATLAB's")
        return NamedArray(file.name, array)


def is_emnist(path: Path) -> bool:
    """Returns whether a file is one of EMNIST's authors or Kaggle, where images are transposed."""
    with _open(path) as (_, kind):
        return kind == "mat" or (kind in ("csv", "idx") and path.name.lower().startswith("emnist-"))


@contextlib.contextmanager
def _open(path: Path) -> Generator[tuple[OpenFile, str]]:
    """Yields a file, decompressed, and its format; any exception inside becomes a UserError."""
    name = printable(str(path))
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(path.open("rb"))
            if stream.read(2) == b"\x1f\x8b":
                stream.seek(0)
                stream = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=stream)))
            stream.seek(0)
            head = stream.read(128)
            stream.seek(0)
            max_bytes = max(_MOST_BYTES, _MOST_INFLATED * path.stat().st_size)
            yield OpenFile(name, stream, max_bytes), _format(head)
    except UserError:
        raise
    # NumPy and zipfile raise nearly any type for a damaged file.
    except Exception as error:
        raise UserError(
            f"{name}: expected a sound .npz, .npy, .csv, idx or EMNIST's .mat file, found "
            f"{one_line(error)}; fetch it again, or save it in one of these formats"
        ) from error


def _is_mapped(stream: IO[bytes], path: Path) -> bool:
    """Returns whether a file may be larger than the memory, so that its pages are read when needed."""
    return not isinstance(stream, gzip.GzipFile) and path.stat().st_size >= mapped.LARGE


def _format(head: bytes) -> str:
    """Returns the format of a file that begins with these bytes."""
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "npz"
    if head.startswith(np.lib.format.MAGIC_PREFIX):
        return "npy"
    if head[126:128] in (b"IM", b"MI"):
        return "mat"
    if head.startswith(b"\0\0\x08"):
        return "idx"
    if b"\0" in head or b"<" in head or not head.lstrip()[:1].decode("latin-1").isprintable():
        raise ValueError("other content")
    if not head:
        raise ValueError("an empty file")
    return "csv"

"""A split as two memory-mapped arrays beside its prepared records, which read 20 times more slowly.

Nothing here is trusted: a manifest ties the arrays to the SHA-256 of the records they were read
from, and to their own, and all of them are checked whenever the cache is read.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from jaxletters.runtime import files

_ARRAYS = ("images", "labels")


def key(paths: Iterable[Path]) -> str:
    """Returns the SHA-256 of the files' names and contents, in hex."""
    return hashlib.sha256("".join(f"{p.name} {_digest(p)}\n" for p in paths).encode()).hexdigest()


def read(folder: Path, split: str, records: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns images and labels of a split, read-only; None if missing, damaged or outdated.

    Args:
        folder: where the cache lies.
        split: which split.
        records: the `key` of the files that the arrays must have been read from.
    """
    paths = _paths(folder, split)
    try:
        manifest = json.loads(_manifest(folder, split).read_bytes())
        if manifest != {"records": records} | {n: _digest(p) for n, p in paths.items()}:
            return None
        images, labels = (np.asarray(np.load(paths[n], mmap_mode="r")) for n in _ARRAYS)
    except (OSError, ValueError):
        return None
    return images, labels


def write(folder: Path, split: str, records: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Stores a split for `read`; where that is impossible (read-only, disk full) it does not."""
    paths = _paths(folder, split)
    manifest = {"records": records}
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        for name, array in zip(_ARRAYS, (images, labels), strict=True):
            with files.atomic_file(paths[name]) as file:
                digesting = _Digesting(file)
                np.save(digesting, array)
                manifest[name] = digesting.sha256.hexdigest()
        # Last, because only a manifest makes the arrays valid.
        with files.atomic_file(_manifest(folder, split)) as file:
            file.write(json.dumps(manifest).encode())


class _Digesting:
    """Takes the SHA-256 of what was meant to be written, not of what the disk made of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self._file = file

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)


def _paths(folder: Path, split: str) -> dict[str, Path]:
    return {name: folder / f"{split}.{name}.npy" for name in _ARRAYS}


def _manifest(folder: Path, split: str) -> Path:
    return folder / f"{split}.json"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

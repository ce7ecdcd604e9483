"""Writing so that a file is either whole or not there."""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# Preparing a dataset takes a minute; what has not changed for an hour has no writer left.
_STALE_SECONDS = 3600


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of `path` in one step if the block raises nothing."""
    # Not `tempfile`: its files are readable by their owner alone, and prepared data is shared.
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial.open("wb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Removes what killed writers left: matches of `pattern` in `folder`, an hour old or more."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
            if time.time() - newest < _STALE_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

"""The lock of a run folder, which one process at a time holds.

The system releases a lock when its process ends, however it ends, so no lock is ever stale.
"""

import contextlib
import os
import platform
import time
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

from jaxletters.core.errors import UserError
from jaxletters.runtime import files

FILE = ".lock"
"""The locked file in a run folder; it names the process that holds the lock."""
# The lock files that this process holds open, by run folder; closing a file releases its lock.
_held: dict[Path, TextIO] = {}
# `is_held` takes the lock for microseconds, and must not make another process fail.
_ATTEMPTS, _PAUSE_SECONDS = 50, 0.01


@contextlib.contextmanager
def hold(folder: Path) -> Generator[None]:
    """Locks a run folder while entered, so that no other process runs in it.

    The block runs without a lock where the file system has no locks or nothing may be written, and in a
    folder of other files, which is left as it is because the run will be refused there.

    Raises:
        UserError: another process holds the lock, or the folder cannot be created.
    """
    if not (folder / "config.json").exists() and not is_empty(folder):
        yield
        return
    created = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Raised here rather than after minutes of preparing data.
        raise files.write_error(folder, error) from error
    try:
        file = (folder / FILE).open("a+")
    except OSError:
        yield
        return
    try:
        _acquire(folder, file)
    except UserError:
        file.close()
        raise
    _held[folder.absolute()] = file
    try:
        yield
    finally:
        _release(folder.absolute())
        if created:
            _remove_if_empty(folder)


def is_empty(folder: Path) -> bool:
    """Returns whether a folder does not exist or contains at most a lock file."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name == FILE for path in folder.iterdir())


def held_file(part: Path) -> Path | None:
    """Returns the lock file of the run that contains `part`; None if this process holds no such lock.

    The file exists whenever the disk of the run folder is present.
    """
    part = part.absolute()
    return next((folder / FILE for folder in (part, *part.parents) if folder in _held), None)


def reacquire(file: Path) -> None:
    """Locks a file again after its disk went away, which released the lock.

    Raises:
        UserError: another process holds the lock now.
        OSError: the disk is away again.
    """
    folder = file.parent
    with contextlib.suppress(OSError):
        _held[folder].close()
    _held[folder] = file.open("a+")
    _acquire(folder, _held[folder])


def is_held(folder: Path) -> bool:
    """Returns whether a process holds the lock of a folder; False where its file system has no locks."""
    try:
        with (folder / FILE).open() as file:
            return _flock(file, shared=True) is False
    except (FileNotFoundError, NotADirectoryError):
        return False


def _acquire(folder: Path, file: TextIO) -> None:
    for _ in range(_ATTEMPTS):
        locked = _flock(file)
        if locked is None:
            return
        if locked:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}")
            file.flush()
            return
        time.sleep(_PAUSE_SECONDS)
    file.seek(0)
    holder = file.read().strip() or "another process"
    raise UserError(
        f"{folder}: in use by {holder}; wait for it to end, or choose another folder with --workdir"
    )


def _flock(file: TextIO, shared: bool = False) -> bool | None:
    """Locks an open file without waiting.

    Not `filelock`: it has no shared lock, leaves a lock file that can become stale where a file system has
    no locks, and cannot drop a lock that its disk has released.

    Returns:
        whether the lock was acquired; None where the system or the file system has no locks.
    """
    try:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # ImportError: not a POSIX system
        return None
    return True


def _release(folder: Path) -> None:
    file = _held.pop(folder)
    # A disk that is away has released the lock already.
    with contextlib.suppress(OSError):
        file.truncate(0)
    with contextlib.suppress(OSError):
        file.close()


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if [path.name for path in folder.iterdir()] == [FILE]:
            (folder / FILE).unlink()
            folder.rmdir()

"""Files that are either whole or not there, and the JSON in them."""

import contextlib
import errno
import json
import math
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jaxletters.core.errors import UserError, printable

# Preparing a dataset takes a minute; what has not changed for an hour has no writer left.
_STALE_SECONDS = 3600


def _numbers(names: str) -> frozenset[int]:
    """Returns the error numbers of these names that the system has."""
    return frozenset(getattr(errno, name) for name in names.split() if hasattr(errno, name))


# A disk that may come back: a mount whose daemon or server died, a network that is down.
_AWAY = _numbers(
    "ENOTCONN ETIMEDOUT EIO ESTALE ENODEV ENXIO ENOMEDIUM EREMOTEIO ENOLINK ECONNABORTED ECONNRESET "
    "ECONNREFUSED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENETRESET ESHUTDOWN"
)
# What is wrong with a disk or its rights rather than with a program.
_TROUBLES = _AWAY | _numbers("ENOSPC EDQUOT EFBIG EROFS EACCES EPERM ENOTDIR")


def expand_user(path: Path | str) -> Path:
    """Returns a path, its ~ or ~user replaced by the home folder, as a shell does.

    Raises:
        UserError: there is no such user, or the user has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = printable(Path(path).parts[0])
        raise UserError(
            f"{printable(str(path))}: expected {user} to be a home folder, found no such user or no folder "
            "of theirs; write the path without ~"
        ) from error


def check_encoding(path: Path) -> None:
    """Raises a UserError if a path is not UTF-8, which what saves arrays cannot open."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{printable(str(path))}: expected a folder whose path is UTF-8, found other bytes in it; rename "
            "it, or choose another"
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path, partial: Path | None = None) -> Iterator[IO[bytes]]:
    """Yields a file that takes the place of `path` in one step if the block raises nothing.

    Args:
        path: the file to write.
        partial: what it is called meanwhile; by default a name that no other process uses.
    """
    # Not `tempfile`: its files are readable by their owner alone, and prepared data is shared.
    partial = partial or path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder that takes the place of `path` and all in it if the block raises nothing.

    Raises:
        OSError: it cannot be made or moved; what was there before is there still.
    """
    remove_stale(path.parent, f".{path.name}.*.part")
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    former = partial.with_suffix(".former.part")
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.exists():
            path.rename(former)
        partial.rename(path)
    finally:
        if former.exists() and not path.exists():
            former.rename(path)
        for left in (partial, former):
            shutil.rmtree(left, ignore_errors=True)


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


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, whose folder is made; readers find the old content or the new.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One name, because a run folder has one writer: what a killed one left is overwritten.
        with atomic_file(path, path.with_name(f".{path.name}.part")) as file:
            file.write(data)
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> UserError:
    """Returns the error that tells a user so."""
    known = isinstance(error, FileExistsError | NotADirectoryError)
    why = (known and _obstacle(path)) or error.strerror
    return UserError(f"{path}: cannot be written ({why}); mend that or choose another folder")


def _obstacle(path: Path) -> str | None:
    """Returns what above a path is no folder, which the system calls "File exists"."""
    for above in reversed(path.parents):
        if above.is_symlink() and not above.exists():
            return f"{above} is a link to {above.readlink()}, which is not there; is the drive mounted?"
        if above.exists() and not above.is_dir():
            return f"{above} is not a folder"
    return None


def disk_error(error: BaseException | None) -> str | None:
    """Returns what is wrong with the disk, such as "No space left on device", or None if it is not that."""
    return next((os.strerror(n) for _, n in _system_errors(error) if n in _TROUBLES), None)


def disk_outage(error: BaseException | None, folder: Path) -> str | None:
    """Returns why an error says that a disk is away and may come back, or None if it does not.

    Args:
        error: what was raised, by an operation on the disk or because of one.
        folder: one that exists while the disk is there; a missing file in it is a sign, too.
    """
    for cause, number in _system_errors(error):
        if number in _AWAY or (number == errno.ENOENT and str(folder) in str(cause)):
            return os.strerror(number)
    return None


def _system_errors(error: BaseException | None) -> Iterator[tuple[BaseException, int]]:
    """Yields an error and those that led to it, each with its number, where they have one.

    TensorStore's errors are ValueErrors that tell the system's number in their text, and some of Orbax'
    have none and say that a path does not exist.
    """
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number is None and " does not exist" in str(error):
            number = errno.ENOENT
        if found := re.search(r"os_error_code='(\d+)'", str(error)):
            number = int(found[1])
        if number is not None:
            yield error, number
        error = error.__cause__ or error.__context__


def to_json(value: Any, indent: int | None = None, ascii_only: bool = False) -> str:
    """Returns `value` as strict JSON, in which NaN and infinities become null."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, keys in their order, as `write_bytes` does."""
    write_bytes(path, encode_utf8(f"{to_json(value, indent=2)}\n"))


def encode_utf8(text: str) -> bytes:
    """Returns a text as UTF-8, with escapes for what is none, such as a file's name from an old disk.

    JSON gives it back as it was.
    """
    return text.encode(errors="backslashreplace")


def load_json(path: Path) -> Any:
    """Returns the value in a JSON file.

    Raises:
        UserError: the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise UserError(
            f"{path}: expected JSON, found something else ({error}); restore or delete the file"
        ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value

"""Atomic writes of files and folders, JSON, and the errors of disks."""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import shutil
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from jaxletters.core.errors import UserError, printable

# Preparing a dataset takes a minute; a file that has not changed for an hour has no writer left.
_STALE_SECONDS = 3600


def _error_numbers(names: str) -> frozenset[int]:
    """Returns the numbers of these errors; systems lack some of them."""
    return frozenset(getattr(errno, name) for name in names.split() if hasattr(errno, name))


# The disk may return: the daemon or the server of a mount died, a network is down.
_OUTAGES = _error_numbers(
    "ENOTCONN ETIMEDOUT EIO ESTALE ENODEV ENXIO ENOMEDIUM EREMOTEIO ENOLINK ECONNABORTED ECONNRESET "
    "ECONNREFUSED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENETRESET ESHUTDOWN"
)
# Errors of the disk or of its permissions, not of the program.
_DISK_ERRORS = _OUTAGES | _error_numbers("ENOSPC EDQUOT EFBIG EROFS EACCES EPERM ENOTDIR")


def expand_user(path: Path | str) -> Path:
    """Returns a path with the home folder in place of ~ or ~user, as in a shell.

    Raises:
        UserError: the user does not exist or has no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = printable(Path(path).parts[0])
        raise UserError(
            f"{printable(str(path))}: expected {user} to be a home folder, found no such user or no home "
            "folder; write the path without ~"
        ) from error


def check_encoding(path: Path) -> None:
    """Raises a UserError unless a path is UTF-8; TensorStore cannot open others."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{printable(str(path))}: expected a folder whose path is UTF-8, found other bytes in it; rename "
            "it, or choose another"
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path, partial: Path | None = None) -> Generator[IO[bytes]]:
    """Yields a file that replaces `path` atomically unless the block raises.

    Args:
        path: the file to write.
        partial: its name during the write; by default one that no other process uses.
    """
    # Not `tempfile`: only the owner may read its files, and prepared data is shared.
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
def atomic_folder(path: Path) -> Generator[Path]:
    """Yields a new folder that replaces `path` and its content unless the block raises.

    Raises:
        OSError: the folder cannot be made or moved; the former content is kept.
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
        for leftover in (partial, former):
            shutil.rmtree(leftover, ignore_errors=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Removes what killed writers left: matches of `pattern` in `folder` that are at least an hour old."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
            if time.time() - newest < _STALE_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file atomically and makes its folder.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A fixed name, because a run folder has one writer: it overwrites what a killed writer left.
        with atomic_file(path, path.with_name(f".{path.name}.part")) as file:
            file.write(data)
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> UserError:
    """Returns the UserError for a file that cannot be written."""
    reason = error.strerror
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = _obstacle(path) or reason
    return UserError(f"{path}: cannot be written ({reason}); correct that or choose another folder")


def _obstacle(path: Path) -> str | None:
    """Returns the parent that is not a folder; the system only says "File exists"."""
    for parent in reversed(path.parents):
        if parent.is_symlink() and not parent.exists():
            return f"{parent} is a link to {parent.readlink()}, which is not there; is the drive mounted?"
        if parent.exists() and not parent.is_dir():
            return f"{parent} is not a folder"
    return None


def disk_error(error: BaseException | None) -> str | None:
    """Returns the error of the disk that caused `error`, such as "No space left on device", or None."""
    return next((os.strerror(n) for _, n in _causes(error) if n in _DISK_ERRORS), None)


def disk_outage(error: BaseException | None, folder: Path) -> str | None:
    """Returns the error that says that the disk is unavailable and may return, or None.

    Args:
        error: the exception of an operation on the disk, or one that it caused.
        folder: exists while the disk is available; a missing file in it also means an outage.
    """
    for cause, number in _causes(error):
        if number in _OUTAGES or (number == errno.ENOENT and str(folder) in str(cause)):
            return os.strerror(number)
    return None


def _causes(error: BaseException | None) -> Iterator[tuple[BaseException, int]]:
    """Yields the exceptions that led to an error and have an error number, and the number.

    TensorStore raises ValueErrors with the number in the text; some errors of Orbax have no number and say
    that a path does not exist.
    """
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number is None and " does not exist" in str(error):
            number = errno.ENOENT
        if match := re.search(r"os_error_code='(\d+)'", str(error)):
            number = int(match[1])
        if number is not None:
            yield error, number
        error = error.__cause__ or error.__context__


def to_json(value: object, indent: int | None = None, ascii_only: bool = False) -> str:
    """Returns `value` as strict JSON, with null for NaN and infinities."""
    return json.dumps(_nan_to_none(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def write_json(path: Path, value: object) -> None:
    """Writes `value` atomically as indented JSON with the keys in their order."""
    write_bytes(path, encode_utf8(f"{to_json(value, indent=2)}\n"))


def encode_utf8(text: str) -> bytes:
    """Returns a text as UTF-8, with escapes for other bytes, such as those of a file name on an old disk.

    Parsing JSON restores them.
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


def _nan_to_none(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        items = cast(Mapping[object, object], value).items()
        return {key: _nan_to_none(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_nan_to_none(item) for item in cast(list[object], value)]
    return value

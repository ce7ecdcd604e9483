"""The run folder: whose it is, and whether its run is finished."""

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from jaxletters.config import serialization, user_code
from jaxletters.config.fingerprints import fingerprint, identity
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError
from jaxletters.runtime import files
from jaxletters.runtime.files import read_json, write_bytes, write_json

RESULT = Path("report", "result.json")
LOCK = ".lock"
"""The file in a run folder that the process at work in it has locked."""
# The open lock files of the folders that this process runs in; a lock belongs to a process.
_held: dict[Path, TextIO] = {}
# Who asks whether a folder is in use has its lock for microseconds.
_TRIES, _PAUSE_SECONDS = 50, 0.01


def default(config: Path) -> Path:
    """Returns the run folder of a config file where none is named."""
    return Path("checkpoints") / config.stem


def check(workdir: Path, config: Experiment) -> None:
    """Looks whether the folder is free for a config, or already its own; writes nothing.

    Raises:
        UserError: it holds a run of another config, or something that is not a run, or its name is not UTF-8.
    """
    files.check_name(workdir)
    file = workdir / "config.json"
    if not file.exists():
        if not _is_free(workdir):
            raise UserError(
                f"{workdir}: expected a run folder or an empty one, found other files and no "
                "config.json; choose another with --workdir"
            )
        return
    there = read_json(file)
    if not isinstance(there, dict):
        raise UserError(
            f"{file}: expected the config of a run, found {type(there).__name__}; "
            "choose another folder with --workdir"
        )
    differing = _differences(there, serialization.to_dict(config))
    # A run that never got to its first checkpoint has nothing to lose.
    if differing and (has_checkpoints(workdir) or (workdir / RESULT).exists()):
        raise UserError(
            f"{workdir}: holds a run of another config ({'; '.join(differing)}); "
            "choose another folder with --workdir, or remove this one to train anew"
        )


def _is_free(workdir: Path) -> bool:
    if not workdir.exists():
        return True
    return workdir.is_dir() and all(path.name == LOCK for path in workdir.iterdir())


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keeps other processes from running in a folder at the same time.

    The system gives a lock back when its process ends, however it ends, so none is ever stale. Where a
    file system knows no locks, or nothing may be written, there is none.

    Raises:
        UserError: another process is at it, or the folder cannot be made.
    """
    if not (workdir / "config.json").exists() and not _is_free(workdir):
        # Not a run folder; what runs there will say so, and nothing of ours is left in it.
        yield
        return
    made = not workdir.exists()
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Now, and not after minutes of preparing data.
        raise files.cannot_write(workdir, error) from error
    try:
        file = (workdir / LOCK).open("a+")
    except OSError:
        yield
        return
    home = workdir.absolute()
    try:
        _lock(workdir, file)
        _held[home] = file
        yield
    finally:
        # A disk that is away has given the lock back already.
        with contextlib.suppress(OSError):
            if home in _held:
                _held[home].truncate(0)
        with contextlib.suppress(OSError):
            _held.pop(home, file).close()
        if made:
            # Nothing came of it, so nothing is left of it.
            with contextlib.suppress(OSError):
                if [path.name for path in workdir.iterdir()] == [LOCK]:
                    (workdir / LOCK).unlink()
                    workdir.rmdir()


def lock_file(part: Path) -> Path | None:
    """Returns the lock file of the run around a part of it; None where this process holds none.

    It is there whenever the disk of the run folder is.
    """
    part = part.absolute()
    return next((folder / LOCK for folder in (part, *part.parents) if folder in _held), None)


def lock_again(file: Path) -> None:
    """Takes a lock again that ended when its disk went away.

    Raises:
        UserError: another process has taken it since.
        OSError: the disk is away again.
    """
    home = file.parent
    with contextlib.suppress(OSError):
        _held[home].close()
    _held[home] = file.open("a+")
    _lock(home, _held[home])


def in_use(workdir: Path) -> bool:
    """Returns whether a process is running in a folder; False where its file system knows no locks."""
    file = workdir / LOCK
    if not file.exists():
        return False
    with file.open() as opened:
        try:
            import fcntl

            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except (ImportError, OSError):
            return False
    return False


def _lock(workdir: Path, file: TextIO) -> None:
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return
    for patience in reversed(range(_TRIES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # One that only asks, with `in_use`, is gone before the next try.
            if patience:
                time.sleep(_PAUSE_SECONDS)
                continue
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"{workdir}: in use by {holder}; wait for it to end, or choose another folder with --workdir"
            ) from None
        except OSError:
            return
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()}")
    file.flush()


def claim(workdir: Path, config: Experiment) -> None:
    """Makes the folder this config's, with a copy of the code of the parts that are not this package's."""
    for name, data in user_code.files(config).items():
        write_bytes(workdir / user_code.FOLDER / name, data)
    write_json(workdir / "config.json", serialization.to_dict(config))


def home(part: Path) -> Path:
    """Returns the folder whose config and environment are those of a part of a run.

    A sweep's trials have their own, folds and stages those of the run around them.

    Raises:
        UserError: no run is around it.
    """
    for folder in (part, *part.parents):
        if (folder / "config.json").exists():
            return folder
    raise UserError(
        f"{part}: expected a run, found no config.json here or above; name a run folder"
    )


def result(workdir: Path) -> dict[str, Any] | None:
    """Returns the result of a finished run, or None while there is none."""
    file = workdir / RESULT
    return read_json(file) if file.exists() else None


def known_result(workdir: Path) -> dict[str, Any]:
    """Returns the result of a finished run.

    Raises:
        UserError: there is none.
    """
    if (found := result(workdir)) is None:
        raise UserError(
            f"{workdir}: expected a finished run, found none; see jaxletters runs {workdir.parent}"
        )
    return found


def finished(workdir: Path, config: Experiment) -> dict[str, Any] | None:
    """Returns the result of a finished run if it is this config's, else None."""
    found = result(workdir)
    return found if found and found.get("fingerprint") == fingerprint(config) else None


def count_test_read(workdir: Path) -> int:
    """Notes, before it happens, that the test split is read; returns how many times that makes."""
    file = workdir / "test_reads.json"
    times = (read_json(file)["times"] if file.exists() else 0) + 1
    write_json(file, {"times": times})
    return times


def has_checkpoints(workdir: Path) -> bool:
    """Returns whether a run, or one of its stages, folds or trials, ever saved anything."""
    patterns = ["*/fold.json"]
    patterns += [
        f"{above}{kept}/*" for above in ("", "*/", "*/*/") for kept in ("steps", "damaged")
    ]
    return any(True for pattern in patterns for _ in workdir.glob(pattern))


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    old, new = identity(there), identity(here)
    return [
        f"config.{key} is {old.get(key)!r} there, {new.get(key)!r} here"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]

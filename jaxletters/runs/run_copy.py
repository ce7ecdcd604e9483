"""Copies of run folders that are complete enough to resume from, whatever interrupts the copying."""

import contextlib
import os
import shutil
import uuid
from pathlib import Path
from typing import NamedTuple

from jaxletters.runs import lock

# Every file is copied to this folder before it gets its name.
PART = ".part"
# The files of a finished run, fold or trial; they are copied after all others.
_LAST = ("fold.json", "result.json")

Version = tuple[int, int]
"""What tells a file from its later versions: size in bytes and time of change in nanoseconds."""


class _Listing(NamedTuple):
    """What a run folder holds, as paths relative to it: files, checkpoints, files that end something."""

    files: list[Path]
    checkpoints: list[Path]
    last: list[Path]


def copy(source: Path, target: Path, copied: dict[Path, Version]) -> None:
    """Makes one run folder hold what another holds.

    A file or checkpoint is either the old one, the new one or not there, in any order of events. Records
    come before the checkpoints that know of them, and what tells of an end comes last; so whatever there
    is after an interruption is what a run, interrupted at some time, would have left.

    Args:
        source: the run folder to be copied; another thread may be writing to it.
        target: the run folder to be changed.
        copied: what is known to be in `target`; what is copied is added.

    Raises:
        OSError: a file cannot be written, or the disk is away.
    """
    target.mkdir(exist_ok=True)
    part = target / PART
    shutil.rmtree(part, ignore_errors=True)
    listing = _listing(source)
    removed = _removed(listing, target)
    # A run that rolled back has overwritten its records from there.
    common = [path for path in listing.checkpoints if (target / path).is_dir()]
    for path in removed:
        steps = [int(kept.name) for kept in common if kept.parent == path.parent]
        if steps and max(steps) < int(path.name):
            _remove(target / path, part)
    for path in (*listing.files, *listing.checkpoints, *listing.last):
        _update(source, target, path, copied)
    for path in removed:
        _remove(target / path, part)
    shutil.rmtree(part, ignore_errors=True)


def _removed(listing: _Listing, target: Path) -> list[Path]:
    """Returns the checkpoints of `target` that `listing` does not have, the newest first."""
    removed = set(_listing(target).checkpoints).difference(listing.checkpoints)
    return sorted(removed, key=lambda path: int(path.name), reverse=True)


def _listing(folder: Path) -> _Listing:
    listing = _Listing([], [], [])
    for root, folders, names in os.walk(folder, onerror=_raise_unless_gone):
        parent = Path(root).relative_to(folder)
        if "steps" in folders:
            with contextlib.suppress(FileNotFoundError):
                children = os.listdir(folder / parent / "steps")
                steps = sorted(int(name) for name in children if name.isdigit())
                listing.checkpoints.extend(parent / "steps" / str(step) for step in steps)
        folders[:] = sorted(set(folders) - {"steps", "damaged", PART})
        for name in sorted(names):
            if name != lock.FILE and not name.endswith(".part"):
                (listing.last if name in _LAST else listing.files).append(parent / name)
    # Those of the parts of a run come before those of the whole.
    listing.last.sort(key=lambda path: (-len(path.parts), path))
    return listing


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def progress(folder: Path) -> tuple[int, int]:
    """Returns how far a run has come, in parts that are finished and in steps; a later state is greater."""
    listing = _listing(folder) if folder.exists() else _Listing([], [], [])
    newest: dict[Path, int] = {}
    for path in listing.checkpoints:
        newest[path.parent] = max(newest.get(path.parent, 0), int(path.name))
    return len(listing.last), sum(newest.values())


def _update(source: Path, target: Path, path: Path, copied: dict[Path, Version]) -> None:
    """Copies a file or a checkpoint, unless `target` has it; one that is removed meanwhile is left out."""
    new, old, part = source / path, target / path, target / PART
    is_checkpoint = path.parent.name == "steps"
    # The metadata of a checkpoint contain the digests of all its arrays.
    identifying = Path("meta", "metadata") if is_checkpoint else Path()
    try:
        version = _version(new / identifying)
        if copied.get(path) == version:
            return
        sizes = _sizes(new)
        if (
            _sizes(old) != sizes
            or (old / identifying).read_bytes() != (new / identifying).read_bytes()
        ):
            partial = _new(part)
            for name in sizes:
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                _write(partial / name, (new / name).read_bytes())
            # A file of records may grow meanwhile, but a checkpoint only loses files.
            if is_checkpoint and not sizes == _sizes(new) == _sizes(partial):
                return
            old.parent.mkdir(parents=True, exist_ok=True)
            if is_checkpoint:
                _remove(old, part)
            partial.replace(old)
        copied[path] = version
    except FileNotFoundError:
        if new.exists():
            raise


def _sizes(path: Path) -> dict[Path, int]:
    """Returns the size in bytes of a file, or of every file in a folder, by its path relative to `path`."""
    return {
        file.relative_to(path): file.stat().st_size
        for file in (path, *sorted(path.rglob("*")))
        if file.is_file()
    }


def _version(file: Path) -> Version:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _new(part: Path) -> Path:
    part.mkdir(exist_ok=True)
    return part / uuid.uuid4().hex


def _write(file: Path, data: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _remove(folder: Path, part: Path) -> None:
    """Removes a folder that must not be seen half removed."""
    if folder.exists():
        aside = _new(part)
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

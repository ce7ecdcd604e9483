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
    found = _listing(source)
    gone = _gone(found, target)
    # A run that rolled back has overwritten its records from there.
    common = [path for path in found.checkpoints if (target / path).is_dir()]
    for path in gone:
        if any(path.parent == c.parent for c in common) and not any(
            path.parent == c.parent and int(c.name) > int(path.name) for c in common
        ):
            _remove(target / path, part)
    for path in found.files:
        _copy_file(source, target, path, copied)
    for path in found.checkpoints:
        _copy_checkpoint(source, target, path, copied)
    for path in found.last:
        _copy_file(source, target, path, copied)
    for path in gone:
        _remove(target / path, part)
    shutil.rmtree(part, ignore_errors=True)


def _gone(found: _Listing, target: Path) -> list[Path]:
    """Returns the checkpoints of `target` that `found` does not have, the newest first."""
    there = set(_listing(target).checkpoints).difference(found.checkpoints)
    return sorted(there, key=lambda path: int(path.name), reverse=True)


def _listing(folder: Path) -> _Listing:
    found = _Listing([], [], [])
    for above, folders, names in os.walk(folder, onerror=_raise_unless_gone):
        here = Path(above).relative_to(folder)
        if "steps" in folders:
            with contextlib.suppress(FileNotFoundError):
                steps = [
                    int(name) for name in os.listdir(folder / here / "steps") if name.isdigit()
                ]
                found.checkpoints.extend(here / "steps" / str(step) for step in sorted(steps))
        folders[:] = sorted(set(folders) - {"steps", "damaged", PART})
        for name in sorted(names):
            if name != lock.FILE and not name.endswith(".part"):
                (found.last if name in _LAST else found.files).append(here / name)
    # Those of the parts of a run come before those of the whole.
    found.last.sort(key=lambda path: (-len(path.parts), path))
    return found


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def progress(folder: Path) -> tuple[int, int]:
    """Returns how far a run has come, in parts that are finished and in steps; a later state is greater."""
    found = _listing(folder) if folder.exists() else _Listing([], [], [])
    newest: dict[Path, int] = {}
    for path in found.checkpoints:
        newest[path.parent] = max(newest.get(path.parent, 0), int(path.name))
    return len(found.last), sum(newest.values())


def _copy_file(source: Path, target: Path, path: Path, copied: dict[Path, Version]) -> None:
    try:
        version = _version(source / path)
        if copied.get(path) == version:
            return
        data = (source / path).read_bytes()
    except FileNotFoundError:
        return
    there = target / path
    if not there.exists() or there.stat().st_size != len(data) or there.read_bytes() != data:
        there.parent.mkdir(parents=True, exist_ok=True)
        partial = _new(target / PART)
        _write(partial, data)
        partial.replace(there)
    copied[path] = version


def _copy_checkpoint(source: Path, target: Path, path: Path, copied: dict[Path, Version]) -> None:
    """Copies a checkpoint, unless it is there; one that is removed meanwhile is left out."""
    there = target / path
    try:
        # It holds the digests of all arrays.
        version = _version(source / path / "meta" / "metadata")
        if copied.get(path) == version:
            return
        before = _sizes(source / path)
        if not there.exists() or not _same(source / path, there, before):
            partial = _new(target / PART)
            for name in before:
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                _write(partial / name, (source / path / name).read_bytes())
            if _sizes(source / path) != before or _sizes(partial) != before:
                return
            there.parent.mkdir(parents=True, exist_ok=True)
            _remove(there, target / PART)
            partial.rename(there)
        copied[path] = version
    except FileNotFoundError:
        if (source / path).exists():
            raise


def _same(one: Path, other: Path, sizes: dict[Path, int]) -> bool:
    if _sizes(other) != sizes:
        return False
    name = Path("meta", "metadata")
    return (one / name).read_bytes() == (other / name).read_bytes()


def _sizes(folder: Path) -> dict[Path, int]:
    """Returns the size in bytes of every file, by its path in the folder."""
    return {
        path.relative_to(folder): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _version(file: Path) -> Version:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


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

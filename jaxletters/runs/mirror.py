"""A copy of a run folder on another disk, kept while the run works in its own, and begun from elsewhere."""

import contextlib
import errno
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from jaxletters.config.schema import Experiment
from jaxletters.config.training import CheckpointConfig
from jaxletters.core.errors import UserError
from jaxletters.runs import consistency, lock, workdir
from jaxletters.runs.disk import Disk
from jaxletters.runtime import files, preemption

# Between two looks at what is new, in seconds; copying may take a tenth of the time.
_PAUSE, _SHARE = 1.0, 0.1
# How long one copying waits for another, in seconds.
_PATIENCE = 5.0
# Where everything is copied before it gets its name.
_PART = ".part"
# What says that a run, a fold or a trial is finished, so it is copied after all else.
_LAST = ("fold.json", "result.json")


@contextlib.contextmanager
def kept(
    folder: Path, config: Experiment, saving: CheckpointConfig, notice: Callable[[str], None]
) -> Iterator[None]:
    """Keeps a mirror of a run folder while entered, if one is wanted; brings back what only it has.

    A mirror that is away stops nothing but the end, which waits for it.

    Args:
        folder: the run folder.
        config: whose run it is.
        saving: names the mirror.
        notice: called with one line about what happens to it.

    Raises:
        UserError: the mirror holds another run, or cannot be where it is wanted.
        Interrupted: it was away for too long; what it lacks is in the run folder.
    """
    if not saving.mirror:
        yield
        return
    place = files.expand_user(saving.mirror).absolute()
    _check_place(place, folder)
    mirror = _Mirror(folder.absolute(), place, config, saving.give_up_after, notice)
    mirror.begin()
    with preemption.exit_hook(mirror.copy_what_there_is):
        try:
            yield
        except BaseException:
            mirror.stop()
            mirror.copy_what_there_is()
            raise
        mirror.stop()
        mirror.finish()


def _check_place(place: Path, folder: Path) -> None:
    there, here = place.resolve(), folder.absolute().resolve()
    if there == here or there in here.parents or here in there.parents:
        raise UserError(
            f"config.checkpoint.mirror: expected a folder apart from the run folder {here}, found "
            f"{there}; name another"
        )


class _Mirror:
    """The mirror of one run.

    Args:
        folder: the run folder.
        place: where the mirror is.
        config: whose run it is.
        give_up_after: how long the end may wait for it.
        notice: called with one line about what happens to it.
    """

    def __init__(
        self,
        folder: Path,
        place: Path,
        config: Experiment,
        give_up_after: str,
        notice: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._place = place
        self._config = config
        self._notice = notice
        self._disk = Disk(place, give_up_after, notice)
        # Whether it was ever seen to be this run's, and what is in it, as far as is known.
        self._met = False
        self._copied: dict[Path, Version] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="mirror")
        self._complaint = ""

    def begin(self) -> None:
        """Brings back what is only in the mirror, then copies in the background."""
        workdir.check(self._folder, self._config)
        if workdir.has_checkpoints(self._folder) or workdir.result(self._folder):
            self._disk.attempt(self._bring_back)
        else:
            self._disk.insist(self._bring_back, lambda: "nothing was begun")
        self._thread.start()

    def stop(self) -> None:
        """Ends the copying in the background."""
        self._stopped.set()
        self._thread.join(timeout=_PAUSE)

    def finish(self) -> None:
        """Returns once the mirror has everything."""
        # All is compared, not only what is new: what was copied may have been lost with the disk.
        self._copied = {}
        try:
            self._disk.insist(self._copy, lambda: f"everything is in {self._folder}")
        except OSError as error:
            raise files.write_error(self._place, error) from error

    def copy_what_there_is(self) -> None:
        """Copies without waiting for anything, and without a word."""
        if self._disk.why is None:
            with contextlib.suppress(Exception):
                self._disk.attempt(self._copy)

    def _work(self) -> None:
        pause = _PAUSE
        while not self._stopped.wait(pause):
            began = time.monotonic()
            try:
                self._disk.attempt(self._copy)
            except Exception as error:
                # Said again at the end, if it is still so. Training is not stopped for it.
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    self._notice(f"config.checkpoint.mirror: {error}; it is tried again")
            pause = max(_PAUSE, (time.monotonic() - began) / _SHARE)

    def _bring_back(self) -> None:
        self._check()
        if _progress(self._place) > _progress(self._folder):
            self._notice(f"Begins with what {self._place} holds")
            copy(self._place, self._folder, {})

    def _check(self) -> None:
        """Raises a UserError unless the mirror is this run's or may become so."""
        if not self._place.parent.is_dir():
            raise UserError(
                f"config.checkpoint.mirror: expected {self._place.parent} to be there, found nothing; "
                "mount its disk, or make the folder"
            )
        # Alone, it is all that was left of a process that was killed.
        shutil.rmtree(self._place / _PART, ignore_errors=True)
        try:
            workdir.check(self._place, self._config)
            consistency.check_same_run(self._place, self._folder)
        except UserError as error:
            text = str(error).replace("--workdir", "--config.checkpoint.mirror")
            raise UserError(f"config.checkpoint.mirror: {text}") from error

    def _copy(self) -> None:
        # A thread may hang on a disk that takes long to say that it is away.
        if not self._lock.acquire(timeout=_PATIENCE):
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(self._place))
        try:
            if not (self._folder / "config.json").exists():
                # Nothing has been begun.
                return
            if self._met:
                # Where a disk was unmounted lies an empty folder, which is not the mirror.
                (self._place / "config.json").open("rb").close()
            else:
                self._check()
                if _progress(self._place) > _progress(self._folder):
                    # It was away at the start. The run comes as far again, to the same bits.
                    return
            copy(self._folder, self._place, self._copied)
            self._met = True
        except OSError:
            self._met = self._met or Path("config.json") in self._copied
            self._copied = {}
            raise
        finally:
            self._lock.release()


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
    part = target / _PART
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
        folders[:] = sorted(set(folders) - {"steps", "damaged", _PART})
        for name in sorted(names):
            if name != lock.FILE and not name.endswith(".part"):
                (found.last if name in _LAST else found.files).append(here / name)
    # Those of the parts of a run come before those of the whole.
    found.last.sort(key=lambda path: (-len(path.parts), path))
    return found


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _progress(folder: Path) -> tuple[int, int]:
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
        partial = _new(target / _PART)
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
            partial = _new(target / _PART)
            for name in before:
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                _write(partial / name, (source / path / name).read_bytes())
            if _sizes(source / path) != before or _sizes(partial) != before:
                return
            there.parent.mkdir(parents=True, exist_ok=True)
            _remove(there, target / _PART)
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

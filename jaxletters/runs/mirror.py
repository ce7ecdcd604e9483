"""The mirror of a run folder on another disk: updated while the run trains, restored on a new machine."""

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from jaxletters.config.schema import Experiment
from jaxletters.config.training import CheckpointConfig
from jaxletters.core.errors import UserError
from jaxletters.runs import consistency, workdir
from jaxletters.runs.disk import Disk
from jaxletters.runs.run_copy import PART, Version, copy, progress
from jaxletters.runtime import files, preemption

# Seconds between updates, and the largest share of the time that copying may take.
_PAUSE, _SHARE = 1.0, 0.1
# Seconds that one copy operation waits for another.
_PATIENCE = 5.0


@contextlib.contextmanager
def maintain(
    folder: Path, config: Experiment, saving: CheckpointConfig, notice: Callable[[str], None]
) -> Generator[None]:
    """Updates the mirror of a run folder while entered, if one is set; restores the run from it first.

    Training continues while the mirror is away; only the exit of the block waits for it.

    Args:
        folder: the run folder.
        config: the experiment of the run.
        saving: names the mirror.
        notice: called with one line about what happens to it.

    Raises:
        UserError: the mirror holds another run, or cannot be where it is wanted.
        Interrupted: the mirror was away for too long; the run folder is complete.
    """
    if not saving.mirror:
        yield
        return
    place = files.expand_user(saving.mirror).absolute()
    _check_place(place, folder)
    mirror = _Mirror(folder.absolute(), place, config, saving.give_up_after, notice)
    mirror.begin()
    with preemption.exit_hook(mirror.copy_once):
        try:
            yield
        except BaseException:
            mirror.stop()
            mirror.copy_once()
            raise
        mirror.stop()
        mirror.finish()


def _check_place(place: Path, folder: Path) -> None:
    mirror, run = place.resolve(), folder.absolute().resolve()
    if mirror == run or mirror in run.parents or run in mirror.parents:
        raise UserError(
            f"config.checkpoint.mirror: expected a folder apart from the run folder {run}, found "
            f"{mirror}; name another"
        )


class _Mirror:
    """The mirror of one run.

    Args:
        folder: the run folder.
        place: where the mirror is.
        config: the experiment of the run.
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
        # Whether the mirror was verified to be of this run, and the versions of the files in it.
        self._verified = False
        self._copied: dict[Path, Version] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="mirror")
        self._complaint = ""

    def begin(self) -> None:
        """Restores the run from the mirror if that is further, then copies in the background."""
        workdir.check_available(self._folder, self._config)
        if workdir.has_checkpoints(self._folder) or workdir.result(self._folder):
            self._disk.attempt(self._restore)
        else:
            self._disk.retry(self._restore, lambda: "nothing was begun")
        self._thread.start()

    def stop(self) -> None:
        """Ends the copying in the background."""
        self._stopped.set()
        self._thread.join(timeout=_PAUSE)

    def finish(self) -> None:
        """Returns once the mirror has everything."""
        # Compares all files, not only new ones: the disk may have lost what was copied before.
        self._copied = {}
        try:
            self._disk.retry(self._copy, lambda: f"everything is in {self._folder}")
        except OSError as error:
            raise files.write_error(self._place, error) from error

    def copy_once(self) -> None:
        """Copies once, without waiting for the disk and without reporting errors."""
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
                # Training continues. An error that persists is raised at the end.
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    self._notice(f"config.checkpoint.mirror: {error}; it is tried again")
            pause = max(_PAUSE, (time.monotonic() - began) / _SHARE)

    def _restore(self) -> None:
        self._check()
        if progress(self._place) > progress(self._folder):
            self._notice(f"Begins with what {self._place} holds")
            copy(self._place, self._folder, {})

    def _check(self) -> None:
        """Raises a UserError unless the mirror is of this run or free for it."""
        if not self._place.parent.is_dir():
            raise UserError(
                f"config.checkpoint.mirror: expected {self._place.parent} to be there, found nothing; "
                "mount its disk, or make the folder"
            )
        # A killed process may have left only a partial copy.
        shutil.rmtree(self._place / PART, ignore_errors=True)
        try:
            workdir.check_available(self._place, self._config)
            consistency.check_same_run(self._place, self._folder)
        except UserError as error:
            text = str(error).replace("--workdir", "--config.checkpoint.mirror")
            raise UserError(f"config.checkpoint.mirror: {text}") from error

    def _copy(self) -> None:
        # A thread may hang on a disk that is slow to report that it is away.
        if not self._lock.acquire(timeout=_PATIENCE):
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), str(self._place))
        try:
            if not (self._folder / "config.json").exists():
                # The run has not started.
                return
            if self._verified:
                # An unmounted disk leaves an empty folder, which is not the mirror.
                (self._place / "config.json").open("rb").close()
            else:
                self._check()
                if progress(self._place) > progress(self._folder):
                    # The mirror was away at the start. The run will reach the same step with the same bits.
                    return
            copy(self._folder, self._place, self._copied)
            self._verified = True
        except OSError:
            self._verified = self._verified or Path("config.json") in self._copied
            self._copied = {}
            raise
        finally:
            self._lock.release()

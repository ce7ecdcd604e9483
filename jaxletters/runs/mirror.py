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

# Between two looks at what is new, in seconds; copying may take a tenth of the time.
_PAUSE, _SHARE = 1.0, 0.1
# How long one copying waits for another, in seconds.
_PATIENCE = 5.0


@contextlib.contextmanager
def kept(
    folder: Path, config: Experiment, saving: CheckpointConfig, notice: Callable[[str], None]
) -> Generator[None]:
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
        if progress(self._place) > progress(self._folder):
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
        shutil.rmtree(self._place / PART, ignore_errors=True)
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
                if progress(self._place) > progress(self._folder):
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

"""A disk that goes away during a run, such as a mounted Google Drive, and comes back.

`files.disk_outage` decides which errors are outages. This module is the only one that retries after one.
"""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jaxletters.config import serialization
from jaxletters.runs import lock
from jaxletters.runtime import files, preemption
from jaxletters.runtime.preemption import Interrupted

# Pauses between attempts, in seconds. A failing attempt may be slow, so attempts take at most this share
# of the time.
_PAUSE, _LONGEST_PAUSE, _SHARE = 1.0, 30.0, 0.1
# Seconds between checks for a signal during a pause.
_SIGNAL_SECONDS = 0.2

T = TypeVar("T")


class Disk:
    """The disk of a folder that a run writes to.

    Attributes:
        why: what is wrong while the disk is away; None while it is present.
    """

    def __init__(self, folder: Path, give_up_after: str, notice: Callable[[str], None]) -> None:
        """Writes nothing.

        Args:
            folder: the run folder, or a part of it.
            give_up_after: how long the disk may be away, such as "10m".
            notice: called with one line when the disk goes away, and when it is back.
        """
        self.why: str | None = None
        self._folder = folder.absolute()
        # An unmounted disk leaves an empty folder, which must not be written to.
        self._lock = lock.held_file(folder)
        self._give_up_after = give_up_after
        self._limit = serialization.parse_duration(give_up_after) or 0.0
        self._notice = notice
        self._since = 0.0
        self._again_at = 0.0
        # Whether the whole disk is away, rather than a single operation on it failing.
        self._is_away = False

    def check(self) -> None:
        """Raises an OSError unless the disk is there."""
        if self._lock is not None:
            # Opened, because a dead mount may still report from its cache that the file exists.
            try:
                os.close(os.open(self._lock, os.O_RDONLY))
            except PermissionError:
                return

    def attempt(self, action: Callable[[], object], now: bool = False) -> bool:
        """Calls `action` unless the disk is away; returns whether the call succeeded.

        While the disk is away, most calls return at once, because attempts are made at intervals.

        Args:
            action: raises an OSError, or an error caused by one, if the disk is away. It must be
                safe to call again from the beginning.
            now: whether to try even before the next interval.
        """
        began = time.monotonic()
        if self.why is not None and began < self._again_at and not now:
            return False
        try:
            self.check()
            if self._is_away and self._lock is not None:
                lock.reacquire(self._lock)
                # Reported before the action, which may be the rest of a run.
                self._came_back()
            action()
        except Interrupted:
            raise
        except Exception as error:
            if (why := files.disk_outage(error, self._folder) or self._missing()) is None:
                raise
            self._record_outage(why, began)
            return False
        if self.why is not None:
            self._came_back()
        return True

    def retry(self, action: Callable[[], T], kept: Callable[[], str]) -> T:
        """Calls `action` until it succeeds and returns its result.

        Args:
            action: as in `attempt`.
            kept: returns what is safe if the disk stays away, such as "the checkpoint of step 3 is kept".

        Raises:
            Interrupted: the disk was away for too long, or a signal asked to leave.
        """
        result: list[T] = []
        while not self.attempt(lambda: result.append(action()), now=True):
            again_at = time.monotonic() + self._pause(0.0)
            while (left := again_at - time.monotonic()) > 0:
                self.give_up_if_late(kept)
                if preemption.requested():
                    raise Interrupted(f"Interrupted while {self.state()}; {kept()}")
                time.sleep(min(left, _SIGNAL_SECONDS))
        return result[0]

    def give_up_if_late(self, kept: Callable[[], str]) -> None:
        """Raises Interrupted once the disk has been away for too long; `kept` is as in `retry`."""
        if self.why is not None and time.monotonic() - self._since >= self._limit:
            raise Interrupted(
                f"{self._folder}: away for {self._give_up_after} ({self.why}); {kept()}"
            )

    def state(self) -> str:
        """Returns what is wrong, for a message: "FOLDER is away (Host is down)"."""
        return f"{self._folder} is away ({self.why})"

    def _record_outage(self, why: str, began: float) -> None:
        now = time.monotonic()
        # An action that ran longer than the limit before it failed shows that the disk was present meanwhile.
        if self.why is None or now - began > self._limit:
            self._since = now
            self._notice(
                f"{self._folder}: {why}; tried again for up to {self._give_up_after}, nothing is lost "
                "meanwhile"
            )
        self.why = why
        self._is_away = self._missing() is not None
        self._again_at = now + self._pause(now - began)

    def _pause(self, tried: float) -> float:
        """Returns the seconds until the next attempt after one that took `tried` seconds."""
        return min(max(_PAUSE, tried / _SHARE), _LONGEST_PAUSE, self._limit / 4)

    def _came_back(self) -> None:
        away = _length(time.monotonic() - self._since)
        self._notice(f"{self._folder}: there again after {away}")
        self.why, self._is_away = None, False

    def _missing(self) -> str | None:
        """Returns what is wrong if the disk is away now; None if it is present."""
        try:
            self.check()
        except OSError as error:
            return error.strerror or os.strerror(errno.ENODEV)
        return None


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"

"""Saving while the disk may be away: snapshots wait in memory until they are safe on it."""

import contextlib
import functools
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import jax
import numpy as np

from jaxletters.runs.checkpoint import Checkpoints
from jaxletters.runs.disk import Disk
from jaxletters.runs.journal import Journal
from jaxletters.runs.snapshot import Snapshot

T = TypeVar("T")


class _Waiting(NamedTuple):
    """A snapshot, on the host, that is not known to be safe."""

    snapshot: Snapshot
    anchor: bool

    @property
    def step(self) -> int:
        return int(self.snapshot.state.step)


class Saver:
    """The checkpoints of one run, and its records before them; a context manager as `Checkpoints` is.

    Orbax saves in the background, so a snapshot is kept until its checkpoint is found on the disk. After
    an outage it is saved again, by a manager of its own, because one that failed does not recover.

    Attributes:
        records: is synced before every checkpoint, so that none knows of a step whose records could be
            lost.
    """

    def __init__(
        self,
        workdir: Path,
        max_to_keep: int,
        anchors_to_keep: int,
        notice: Callable[[str], None],
        disk: Disk,
    ) -> None:
        """Opens the checkpoints; all but `disk`, that of `workdir`, is as `Checkpoints` wants it."""
        self.records: Journal | None = None
        self._open = functools.partial(
            Checkpoints, workdir, max_to_keep, notice, anchors_to_keep, disk.look
        )
        self._max_to_keep = max_to_keep
        self._anchors_to_keep = anchors_to_keep
        self._disk = disk
        self._checkpoints: Checkpoints | None = self._open()
        # Oldest first. The first may be on its way to the disk.
        self._waiting: list[_Waiting] = []
        self._in_flight = False
        self._safe: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._disk.why is not None:
            self._abandon()
        elif self._checkpoints is not None:
            self._checkpoints.close()

    def save(self, snapshot: Snapshot, anchor: bool = False) -> None:
        """Saves as `Checkpoints.save` does, now or when the disk is there again."""
        on_host = jax.tree.map(np.array, (snapshot.state, snapshot.counts, snapshot.best))
        state, counts, best = on_host
        host = snapshot._replace(state=state, counts=counts, best=best)
        self._waiting.append(_Waiting(host, anchor))
        if not self._disk.attempt(self._begin):
            self._forget_old()

    def tend(self, said: Callable[[], str]) -> None:
        """Looks after what is under way; to be called a few times a second.

        Args:
            said: where the run is, in case it must be left: "left at step 3 of 9".

        Raises:
            Interrupted: the disk was away for too long.
        """
        done = (
            self._checkpoints is not None and self._in_flight and not self._checkpoints.is_saving()
        )
        if done or self._disk.why is not None:
            self._disk.attempt(self._settle if done else self._begin)
        self._disk.give_up_if_late(lambda: f"{said()}; {self.kept()}")

    def leave(self) -> str:
        """Saves what can be saved without waiting for the disk; returns what to say of what cannot."""
        if self._disk.attempt(self._finish, now=True):
            return ""
        return f"; {self._disk.state()}; {self.kept()}"

    def finish(self) -> None:
        """Returns once all would survive the end of the process.

        Raises:
            Interrupted: the disk was away for too long, or a signal asked to leave.
        """
        self._disk.insist(self._finish, self.kept)

    def restore(self, like: Snapshot) -> Snapshot | None:
        """Returns what `Checkpoints.restore` does.

        Raises:
            Interrupted: as `finish` does.
        """
        found = self._ask(lambda checkpoints: checkpoints.restore(like))
        self._safe = int(found.state.step) if found else None
        return found

    def anchors(self) -> list[int]:
        """Returns what `Checkpoints.anchors` does.

        Raises:
            Interrupted: as `finish` does.
        """
        return self._ask(lambda checkpoints: checkpoints.anchors())

    def roll_back(self, like: Snapshot, target: int) -> Snapshot | None:
        """Returns what `Checkpoints.roll_back` does.

        Raises:
            Interrupted: as `finish` does.
        """
        found = self._ask(lambda checkpoints: checkpoints.roll_back(like, target))
        self._safe = int(found.state.step) if found else None
        return found

    def kept(self) -> str:
        """Returns what is safe on the disk, for a message."""
        if self._safe is None:
            return "no checkpoint was saved before"
        return f"the checkpoint of step {self._safe:,} is kept"

    def _ask(self, question: Callable[[Checkpoints], T]) -> T:
        def ask() -> T:
            self._finish()
            with self._abandoned_on_error() as checkpoints:
                return question(checkpoints)

        return self._disk.insist(ask, self.kept)

    def _begin(self) -> None:
        """Saves all but the last, and begins with that."""
        with self._abandoned_on_error() as checkpoints:
            if self.records is not None:
                self.records.sync()
            while self._waiting:
                if not self._in_flight:
                    checkpoints.save(*self._waiting[0])
                    self._in_flight = True
                if len(self._waiting) == 1:
                    return
                self._land(checkpoints)

    def _settle(self) -> None:
        with self._abandoned_on_error() as checkpoints:
            self._land(checkpoints)

    def _finish(self) -> None:
        self._begin()
        if self._in_flight:
            self._settle()

    def _land(self, checkpoints: Checkpoints) -> None:
        """Waits for the one in flight; raises an OSError if it is not on the disk then."""
        checkpoints.wait()
        step = self._waiting[0].step
        checkpoints.require(step)
        self._safe = step
        self._in_flight = False
        del self._waiting[0]

    @contextlib.contextmanager
    def _abandoned_on_error(self) -> Generator[Checkpoints]:
        if self._checkpoints is None:
            self._checkpoints = self._open()
        try:
            yield self._checkpoints
        except Exception:
            self._abandon()
            raise

    def _abandon(self) -> None:
        if self._checkpoints is not None:
            # What it says of the disk was heard before.
            with contextlib.suppress(Exception):
                self._checkpoints.close()
        self._checkpoints = None
        self._in_flight = False

    def _forget_old(self) -> None:
        """Keeps no more than would be kept on the disk."""
        anchors = [waiting for waiting in self._waiting if waiting.anchor]
        kept = {*map(id, self._waiting[-self._max_to_keep :])}
        kept.update(map(id, anchors[-self._anchors_to_keep :]))
        self._waiting = [waiting for waiting in self._waiting if id(waiting) in kept]

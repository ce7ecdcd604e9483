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


class _PendingSnapshot(NamedTuple):
    """A snapshot, on the host, that is not yet confirmed on the disk."""

    snapshot: Snapshot
    anchor: bool

    @property
    def step(self) -> int:
        return int(self.snapshot.state.step)


class Saver:
    """The checkpoints of one run, and its records before them; a context manager as `Checkpoints` is.

    Orbax saves in the background, so a snapshot is kept until its checkpoint is found on the disk. After
    an outage it is saved again, by a new manager, because one that failed does not recover.

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
        """Opens the checkpoints; `disk` is the disk of `workdir`, the rest as in `Checkpoints`."""
        self.records: Journal | None = None
        self._open = functools.partial(
            Checkpoints, workdir, max_to_keep, notice, anchors_to_keep, disk.check
        )
        self._max_to_keep = max_to_keep
        self._anchors_to_keep = anchors_to_keep
        self._disk = disk
        self._checkpoints: Checkpoints | None = self._open()
        # Oldest first. The first may be on its way to the disk.
        self._pending: list[_PendingSnapshot] = []
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
        self._pending.append(_PendingSnapshot(host, anchor))
        if not self._disk.attempt(self._start_save):
            self._forget_old()

    def poll(self, position: Callable[[], str]) -> None:
        """Confirms finished saves and retries failed ones; call it a few times a second.

        Args:
            position: returns where the run stops, for the message of an interruption: "left at step 3 of 9".

        Raises:
            Interrupted: the disk was away for too long.
        """
        done = (
            self._checkpoints is not None and self._in_flight and not self._checkpoints.is_saving()
        )
        if done or self._disk.why is not None:
            self._disk.attempt(self._confirm_save if done else self._start_save)
        self._disk.give_up_if_late(lambda: f"{position()}; {self.kept()}")

    def save_if_available(self) -> str:
        """Saves without waiting for an absent disk; returns "", or a message about what is not saved."""
        if self._disk.attempt(self._save_all, now=True):
            return ""
        return f"; {self._disk.state()}; {self.kept()}"

    def wait_until_finished(self) -> None:
        """Returns once all snapshots are on the disk.

        Raises:
            Interrupted: the disk was away for too long, or a signal asked to leave.
        """
        self._disk.retry(self._save_all, self.kept)

    def restore(self, template: Snapshot) -> Snapshot | None:
        """Returns what `Checkpoints.restore` does.

        Raises:
            Interrupted: as `wait_until_finished` does.
        """
        snapshot = self._after_saving(lambda checkpoints: checkpoints.restore(template))
        self._safe = int(snapshot.state.step) if snapshot else None
        return snapshot

    def anchors(self) -> list[int]:
        """Returns what `Checkpoints.anchors` does.

        Raises:
            Interrupted: as `wait_until_finished` does.
        """
        return self._after_saving(lambda checkpoints: checkpoints.anchors())

    def roll_back(self, template: Snapshot, target: int) -> Snapshot | None:
        """Returns what `Checkpoints.roll_back` does.

        Raises:
            Interrupted: as `wait_until_finished` does.
        """
        snapshot = self._after_saving(lambda checkpoints: checkpoints.roll_back(template, target))
        self._safe = int(snapshot.state.step) if snapshot else None
        return snapshot

    def kept(self) -> str:
        """Returns what is safe on the disk, for a message."""
        if self._safe is None:
            return "no checkpoint was saved before"
        return f"the checkpoint of step {self._safe:,} is kept"

    def _after_saving(self, action: Callable[[Checkpoints], T]) -> T:
        """Returns what `action` does, called once all snapshots are on the disk."""

        def save_and_call() -> T:
            self._save_all()
            with self._abandoned_on_error() as checkpoints:
                return action(checkpoints)

        return self._disk.retry(save_and_call, self.kept)

    def _start_save(self) -> None:
        """Saves all pending snapshots but the newest, and starts to save that one."""
        with self._abandoned_on_error() as checkpoints:
            if self.records is not None:
                self.records.sync()
            while self._pending:
                if not self._in_flight:
                    checkpoints.save(*self._pending[0])
                    self._in_flight = True
                if len(self._pending) == 1:
                    return
                self._confirm_oldest(checkpoints)

    def _confirm_save(self) -> None:
        with self._abandoned_on_error() as checkpoints:
            self._confirm_oldest(checkpoints)

    def _save_all(self) -> None:
        self._start_save()
        if self._in_flight:
            self._confirm_save()

    def _confirm_oldest(self, checkpoints: Checkpoints) -> None:
        """Waits for the save in progress; raises an OSError if its checkpoint is not on the disk."""
        checkpoints.wait()
        step = self._pending[0].step
        checkpoints.require(step)
        self._safe = step
        self._in_flight = False
        del self._pending[0]

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
            # Its error was already raised by the call that failed.
            with contextlib.suppress(Exception):
                self._checkpoints.close()
        self._checkpoints = None
        self._in_flight = False

    def _forget_old(self) -> None:
        """Drops the pending snapshots that the disk would not keep either."""
        anchors = [pending for pending in self._pending if pending.anchor]
        kept = {*map(id, self._pending[-self._max_to_keep :])}
        kept.update(map(id, anchors[-self._anchors_to_keep :]))
        self._pending = [pending for pending in self._pending if id(pending) in kept]

"""The checkpoints of a run: saved in the background, verified when they are restored.

A damaged checkpoint stays Orbax's `latest_step()`. Here it is set aside, and the one before it is used.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import (
    PolicyCheckpointInfo,
    PreservationContext,
    PreservationPolicy,
)

from jaxletters.core.errors import UserError
from jaxletters.core.types import Progress, Rollback
from jaxletters.runs import snapshot as snapshots
from jaxletters.runs.snapshot import Damaged, Metadata, Snapshot
from jaxletters.runtime import files

# Format 2 added the skipped steps in a row and the halvings of the rate, 3 averages the statistics of
# BatchNorm, 4 added anchors and the last roll-back.
_FORMAT = 4
# Bytes of a checkpoint beside its arrays: metadata, and blocks that are not full.
_MARGIN = 2**19


class _Saved(NamedTuple):
    """A saved checkpoint: whether it is an anchor, and the step of its newest evaluation."""

    anchor: bool
    evaluated_step: int


class _Retention(PreservationPolicy):
    """Keeps the newest checkpoints and the newest anchors."""

    def __init__(self, newest: int, anchors: int, saved: Mapping[int, _Saved]) -> None:
        self._newest = newest
        self._anchors = anchors
        self._saved = saved

    def should_preserve(
        self,
        checkpoints: Sequence[PolicyCheckpointInfo],
        *,
        context: PreservationContext,  # noqa: ARG002
    ) -> Sequence[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        anchors = [step for step in steps if self._saved[step].anchor]
        kept = {*steps[-self._newest :], *anchors[-self._anchors :]}
        return [step in kept for step in steps]


class Checkpoints:
    """The checkpoints of one run, in `<workdir>/steps`; closing them waits for the save in progress.

    A diverging run rolls back to an anchor. Anchors are kept beside the newest checkpoints, which only
    serve to resume.

    Args:
        workdir: the run folder.
        max_to_keep: the number of newest checkpoints that are kept.
        notice: called with one line about each step that was set aside.
        anchors_to_keep: the number of newest anchors that are kept.
        check_disk: raises an OSError where the disk is away.
    """

    def __init__(
        self,
        workdir: Path,
        max_to_keep: int,
        notice: Callable[[str], None],
        anchors_to_keep: int = 1,
        check_disk: Callable[[], None] = lambda: None,
    ) -> None:
        self._notice = notice
        self._check_disk = check_disk
        self._root = workdir.absolute() / snapshots.FOLDER
        self._aside = workdir.absolute() / "damaged"
        self._saved: dict[int, _Saved] = {}
        self._root.mkdir(parents=True, exist_ok=True)
        options = snapshots.manager_options(
            preservation_policy=_Retention(max_to_keep, anchors_to_keep, self._saved),
            cleanup_tmp_directories=True,
        )
        self._manager = ocp.CheckpointManager(self._root, options=options)
        self._saved.update((step, self._load_saved(step)) for step in self.steps())

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits for the save in progress, which would otherwise be lost while the exit code is still 0."""
        with self._disk_errors():
            self._manager.close()

    def steps(self) -> list[int]:
        """Returns the steps saved, rising."""
        return sorted(self._manager.all_steps())

    def anchors(self) -> list[int]:
        """Returns the steps of the anchors, rising."""
        return [step for step in self.steps() if self._saved[step].anchor]

    def save(self, snapshot: Snapshot, anchor: bool = False) -> None:
        """Saves in the background, unless this step was saved before.

        The caller may overwrite the arrays of the snapshot as soon as this returns. The checkpoint replaces
        one of the same step from before its evaluation, such as that of an interruption.

        Raises:
            UserError: the disk fails; a failure in the background is raised by the next call of any method.
        """
        step, evaluated_step = int(snapshot.state.step), snapshot.progress.evaluated_step
        replaces = step in self._manager.all_steps()
        if replaces:
            if self._saved[step].evaluated_step >= evaluated_step:
                return
            self.wait()
        # A copy, not a view: the training step reuses the memory while Orbax is still writing.
        trees = jax.tree.map(np.array, snapshots.trees(snapshot))
        metadata: Metadata = {
            "format": _FORMAT,
            "anchor": anchor,
            "progress": snapshot.progress._asdict(),
            "rollback": snapshot.rollback._asdict(),
            "digests": snapshots.digests(trees),
        }
        items: Any = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
        items["meta"] = ocp.args.JsonSave(snapshots.seal(metadata))
        args = ocp.args.Composite(**items)
        with self._disk_errors():
            # Checked before the checkpoint that is replaced is deleted.
            self._check_space(sum(leaf.nbytes for leaf in jax.tree.leaves(trees)))
            if replaces:
                self._manager.delete(step)
            self._saved[step] = _Saved(anchor, evaluated_step)
            self._manager.save(step, args=args, force=True)

    def wait(self) -> None:
        """Waits until all saved checkpoints would survive the end of the process."""
        with self._disk_errors():
            self._manager.wait_until_finished()

    def is_saving(self) -> bool:
        """Returns whether a save is in progress."""
        return self._manager.is_saving_in_progress()

    def require(self, step: int) -> None:
        """Raises an OSError unless the checkpoint of a step is on the disk."""
        if not (self._root / str(step)).exists():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self._root))

    def _check_space(self, size: int) -> None:
        """Raises the error of a full disk early, because TensorStore's threads would print tracebacks."""
        if shutil.disk_usage(self._root).free < size + _MARGIN:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def _disk_errors(self) -> Generator[None]:
        """Converts errors of the disk to a UserError; a save in the background raises at the next call."""
        try:
            yield
        except Exception as error:
            if (why := files.disk_error(error)) is None:
                raise
            raise UserError(
                f"{self._root}: expected to save a checkpoint, found: {why}; correct that and run the same "
                "command, which continues from the newest one there, or choose another folder with --workdir"
            ) from error

    def restore(self, template: Snapshot) -> Snapshot | None:
        """Returns the newest sound snapshot, on the host; None if no checkpoint was ever saved.

        Args:
            template: any snapshot of this run, for the structure, shapes and dtypes.

        Raises:
            UserError: no checkpoint is sound, or another version saved them.
        """
        newest = self._newest(template)
        if newest is None and self._aside.exists():
            raise UserError(
                f"{self._root}: expected a sound checkpoint, found only damaged ones, which are kept in "
                f"{self._aside}; restore the run folder from a backup, or remove it to train again"
            )
        return newest

    def roll_back(self, template: Snapshot, target: int) -> Snapshot | None:
        """Removes all checkpoints after the step `target`; returns the newest sound snapshot, on the host.

        That is an earlier one than `target` where its checkpoint is damaged, and None if none is sound.

        Raises:
            UserError: another version saved them.
        """
        self.wait()
        # The newest first: a process killed here leaves the folder of a run that was interrupted earlier.
        for step in reversed(self.steps()):
            if step > target:
                self._manager.delete(step)
        return self._newest(template)

    def _newest(self, template: Snapshot) -> Snapshot | None:
        for step in reversed(self.steps()):
            try:
                with contextlib.suppress(Damaged):
                    return self._restore_step(step, template)
                # An outage of the disk looks like damage, until the disk is back.
                self._check_disk()
                return self._restore_step(step, template)
            except Damaged as damage:
                self._set_aside(step, str(damage))
        return None

    def _restore_step(self, step: int, template: Snapshot) -> Snapshot:
        metadata = snapshots.load_metadata(self._manager, step)
        if (stored := metadata.get("format", 1)) != _FORMAT:
            raise UserError(
                f"{self._root / str(step)}: expected a checkpoint of format {_FORMAT}, found one of "
                f"format {stored}; continue with the version of jaxletters that saved it, or choose "
                "another folder with --workdir"
            )
        trees = jax.tree.map(np.asarray, snapshots.trees(template))
        loaded = snapshots.load_trees(self._manager, step, metadata, trees)
        return Snapshot(
            loaded["state"]["state"],
            loaded["state"]["counts"],
            loaded["best"],
            Progress(**metadata["progress"]),
            Rollback(**metadata["rollback"]),
        )

    def _load_saved(self, step: int) -> _Saved:
        try:
            metadata = snapshots.load_metadata(self._manager, step)
        except Damaged:
            # It is set aside when it is needed; were it not counted, a run could go back past it.
            return _Saved(anchor=True, evaluated_step=step)
        return _Saved(metadata.get("anchor", False), metadata["progress"].get("evaluated_step", 0))

    def _set_aside(self, step: int, reason: str) -> None:
        self._aside.mkdir(exist_ok=True)
        taken = len(list(self._aside.glob(f"{step}*")))
        target = self._aside / (f"{step}-{taken}" if taken else f"{step}")
        (self._root / str(step)).rename(target)
        self._manager.reload()
        self._notice(f"Checkpoint of step {step} {reason}; set aside in {target}")

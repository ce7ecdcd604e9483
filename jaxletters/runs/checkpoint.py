"""Checkpoints that are checked: Orbax saves them, a SHA-256 of every array tells whether they are sound.

Orbax 0.12 restores an array file with a flipped bit as wrong numbers without an error, and a damaged
step stays its `latest_step()`; here such a step is set aside and the one before it is used.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from jaxletters.core.types import Counts, Progress, Rollback, TrainState, Tree, Variables
from jaxletters.runtime import files

# Of what a checkpoint holds; 2 counts the skipped steps in a row and the halvings of the rate, 3 averages
# BatchNorm's statistics, 4 knows anchors and the last roll-back.
_FORMAT = 4
# Bytes of a checkpoint beside its arrays: metadata, and blocks that are not full.
_MARGIN = 2**19


class Snapshot(NamedTuple):
    """Everything a run needs to go on where it was, and its best weights so far.

    Attributes:
        state: the training state.
        counts: of the training examples since the last record.
        best: what is evaluated, as it was at the best validation.
        progress: of early stopping.
        rollback: the last one.
    """

    state: TrainState
    counts: Counts
    best: Variables
    progress: Progress
    rollback: Rollback = Rollback()


class _Saved(NamedTuple):
    """What is remembered of a checkpoint: whether it is an anchor, and its newest evaluation's step."""

    anchor: bool
    evaluated_step: int


class Damaged(Exception):  # noqa: N818, a finding
    """A checkpoint does not hold what was saved; the message says what differs."""


def digests(tree: Tree) -> dict[str, str]:
    """Returns the SHA-256 of every leaf's dtype, shape and bytes, by its path in the tree."""
    result = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        head = f"{array.dtype.str}{array.shape}".encode()
        result[jax.tree_util.keystr(path)] = hashlib.sha256(head + array.tobytes()).hexdigest()
    return result


def digest(tree: Tree) -> str:
    """Returns one SHA-256, in hex, of all the leaves of a tree."""
    text = json.dumps(digests(tree), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sealed(meta: dict[str, Any]) -> dict[str, Any]:
    """Adds the digest of the metadata itself."""
    text = json.dumps(meta, sort_keys=True)
    return {**meta, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _trees(snapshot: Snapshot) -> dict[str, Tree]:
    """The items of a checkpoint that hold arrays; "best" can be restored without the other."""
    return {
        "state": {"state": snapshot.state, "counts": snapshot.counts},
        "best": snapshot.best,
    }


def restore_best(workdir: Path, like: Variables, notice: Callable[[str], None]) -> Variables | None:
    """Returns the best weights of a finished run, on the host; None if no checkpoint of it is sound.

    Args:
        workdir: the run folder; nothing in it is changed.
        like: any weights of the same network, for the structure, shapes and dtypes.
        notice: called with one line about each damaged checkpoint.
    """
    options = ocp.CheckpointManagerOptions(read_only=True)
    with ocp.CheckpointManager(workdir.absolute() / "steps", options=options) as manager:
        for step in sorted(manager.all_steps(), reverse=True):
            try:
                tree = {"best": jax.tree.map(np.asarray, like)}
                return _read(manager, step, _meta(manager, step), tree)["best"]
            except Damaged as damage:
                notice(f"{workdir}: checkpoint of step {step} {damage}; using the one before")
    return None


def _read(
    manager: ocp.CheckpointManager, step: int, meta: dict[str, Any], like: dict[str, Tree]
) -> dict[str, Tree]:
    """Returns some items of a checkpoint, once they are found to be what its metadata says."""
    items = {name: ocp.args.StandardRestore(tree) for name, tree in like.items()}
    restored = _restored(manager, step, ocp.args.Composite(**items))
    found = {name: restored[name] for name in like}
    actual = digests(found)
    saved = {
        path: digest
        for path, digest in meta["digests"].items()
        if any(path.startswith(f"['{name}']") for name in like)
    }
    wrong = [path for path, digest in saved.items() if actual.get(path) != digest]
    if wrong or len(actual) != len(saved):
        raise Damaged(f"{len(wrong)} of {len(actual)} arrays differ from what was saved")
    return found


def _meta(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    """Returns the metadata of a checkpoint, once its digest is found right."""
    restored = _restored(manager, step, ocp.args.Composite(meta=ocp.args.JsonRestore()))
    meta = dict(restored["meta"])
    if meta.pop("sha256", None) != _sealed(meta)["sha256"]:
        raise Damaged("its metadata is not what was saved")
    return meta


def _restored(manager: ocp.CheckpointManager, step: int, args: Any) -> Any:
    try:
        return manager.restore(step, args=args)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Damaged(f"cannot be read ({reason:.100})") from error


class _Preserved(PreservationPolicy):
    """The newest checkpoints, and the newest anchors."""

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
    """The checkpoints of one run, in `<workdir>/steps`; a context manager, because saves are in flight.

    Anchors are those that a diverging run may go back to. They are kept beside the newest ones, which
    only serve to resume.

    Attributes:
        notice: called with one line about each step that was set aside.
    """

    def __init__(
        self,
        workdir: Path,
        max_to_keep: int,
        notice: Callable[[str], None],
        anchors_to_keep: int = 1,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.notice = notice
        self._look = look
        self._root = workdir.absolute() / "steps"
        self._aside = workdir.absolute() / "damaged"
        self._saved: dict[int, _Saved] = {}
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_Preserved(max_to_keep, anchors_to_keep, self._saved),
            cleanup_tmp_directories=True,
        )
        self._manager = ocp.CheckpointManager(self._root, options=options)
        self._saved.update((step, self._found(step)) for step in self.steps())

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits for the save in flight, which would be lost otherwise while the exit code is still 0."""
        with self._saving():
            self._manager.close()

    def steps(self) -> list[int]:
        """Returns the steps saved, rising."""
        return sorted(self._manager.all_steps())

    def anchors(self) -> list[int]:
        """Returns the steps of the anchors, rising."""
        return [step for step in self.steps() if self._saved[step].anchor]

    def save(self, snapshot: Snapshot, anchor: bool = False) -> None:
        """Saves in the background, unless this step was saved before.

        A UserError says what is wrong with the disk, here or at the next call of any method.

        The snapshot's arrays may be overwritten as soon as this returns. A checkpoint takes the place of
        one at the same step that is from before the evaluation there, such as that of an interruption.
        """
        step, evaluated_step = int(snapshot.state.step), snapshot.progress.evaluated_step
        replaces = step in self._manager.all_steps()
        if replaces:
            if self._saved[step].evaluated_step >= evaluated_step:
                return
            self.wait()
        # A copy, not a view: the training step reuses the memory while Orbax is still writing.
        trees = jax.tree.map(np.array, _trees(snapshot))
        meta = {
            "format": _FORMAT,
            "anchor": anchor,
            "progress": snapshot.progress._asdict(),
            "rollback": snapshot.rollback._asdict(),
            "digests": digests(trees),
        }
        items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
        args = ocp.args.Composite(**items, meta=ocp.args.JsonSave(_sealed(meta)))
        with self._saving():
            # Before anything makes room for it.
            self._check_space(sum(leaf.nbytes for leaf in jax.tree.leaves(trees)))
            if replaces:
                self._manager.delete(step)
            self._saved[step] = _Saved(anchor, evaluated_step)
            self._manager.save(step, args=args, force=True)

    def wait(self) -> None:
        """Returns once all that was saved would survive the end of the process."""
        with self._saving():
            self._manager.wait_until_finished()

    def busy(self) -> bool:
        """Returns whether a save is under way."""
        return self._manager.is_saving_in_progress()

    def require(self, step: int) -> None:
        """Raises an OSError unless a checkpoint is on the disk now, whatever was said of its save."""
        if not (self._root / str(step)).exists():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self._root))

    def _check_space(self, size: int) -> None:
        """Raises what writing would raise, because TensorStore's threads print tracebacks of their own."""
        if shutil.disk_usage(self._root).free < size + _MARGIN:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        """Makes what is wrong with the disk a UserError; a save in the background fails at the next call."""
        try:
            yield
        except Exception as error:
            if (why := files.disk_error(error)) is None:
                raise
            raise UserError(
                f"{self._root}: expected to save a checkpoint, found: {why}; mend that and run the same "
                "command, which goes on from the newest one there, or choose another folder with --workdir"
            ) from error

    def restore(self, like: Snapshot) -> Snapshot | None:
        """Returns the newest sound snapshot, on the host, or None where nothing was ever saved.

        Args:
            like: any snapshot of this run, for the structure, shapes and dtypes.

        Raises:
            UserError: there are checkpoints, but none is sound, or another version saved them.
        """
        found = self._newest(like, self.steps())
        if found is None and self._aside.exists():
            raise UserError(
                f"{self._root}: expected a sound checkpoint, found none; the damaged ones are kept in "
                f"{self._aside}; restore the run folder from a backup, or remove it to train anew"
            )
        return found

    def roll_back(self, like: Snapshot, target: int) -> Snapshot | None:
        """Removes all checkpoints after a step; returns the newest sound one left, on the host.

        It is an earlier one than `target` where that one is damaged, and None where none is left.

        Raises:
            UserError: another version saved them.
        """
        self.wait()
        # The newest first: if the process is killed here, the run resumes as if it had come no further.
        for step in reversed(self.steps()):
            if step > target:
                self._manager.delete(step)
        return self._newest(like, self.steps())

    def _newest(self, like: Snapshot, steps: list[int]) -> Snapshot | None:
        for step in reversed(steps):
            try:
                with contextlib.suppress(Damaged):
                    return self._restore_step(step, like)
                # A disk that is away reads like damage; one that is back reads right.
                self._look()
                return self._restore_step(step, like)
            except Damaged as damage:
                self._set_aside(step, str(damage))
        return None

    def _restore_step(self, step: int, like: Snapshot) -> Snapshot:
        meta = _meta(self._manager, step)
        if (its := meta.get("format", 1)) != _FORMAT:
            raise UserError(
                f"{self._root / str(step)}: expected a checkpoint of format {_FORMAT}, found one of "
                f"format {its}; go on with the version of jaxletters that saved it, or choose "
                "another folder with --workdir"
            )
        trees = jax.tree.map(np.asarray, _trees(like))
        found = _read(self._manager, step, meta, trees)
        return Snapshot(
            found["state"]["state"],
            found["state"]["counts"],
            found["best"],
            Progress(**meta["progress"]),
            Rollback(**meta["rollback"]),
        )

    def _found(self, step: int) -> _Saved:
        try:
            meta = _meta(self._manager, step)
        except Damaged:
            # It is set aside when it is needed; were it not counted, a run could go back past it.
            return _Saved(anchor=True, evaluated_step=step)
        return _Saved(meta.get("anchor", False), meta["progress"].get("evaluated_step", 0))

    def _set_aside(self, step: int, why: str) -> None:
        self._aside.mkdir(exist_ok=True)
        taken = len(list(self._aside.glob(f"{step}*")))
        target = self._aside / (f"{step}-{taken}" if taken else f"{step}")
        (self._root / str(step)).rename(target)
        self._manager.reload()
        self.notice(f"Checkpoint of step {step} {why}; set aside in {target}")

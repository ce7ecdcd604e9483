"""Snapshots of training as the items of an Orbax checkpoint, verified with a SHA-256 of every array.

Orbax 0.12 restores an array file with a flipped bit as wrong numbers, without an error.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxletters.core.types import Counts, Progress, Rollback, TrainState, Tree, Variables

FOLDER = "steps"


class Snapshot(NamedTuple):
    """Everything that a run needs to continue, and its best weights so far.

    Attributes:
        state: the training state.
        counts: of the training examples since the last record.
        best: the evaluated weights of the best validation, on the host.
        progress: of early stopping.
        rollback: the last one.
    """

    state: TrainState
    counts: Counts
    best: Variables
    progress: Progress
    rollback: Rollback = Rollback()


class Metadata(TypedDict):
    """The item "meta" of a checkpoint, but for its own SHA-256; earlier formats lack some of the keys."""

    format: int
    anchor: bool
    progress: dict[str, Any]
    rollback: dict[str, Any]
    digests: dict[str, str]


class Damaged(Exception):  # noqa: N818, a finding
    """A checkpoint does not contain what was saved; the message says what differs."""


def digests(tree: Tree) -> dict[str, str]:
    """Returns the SHA-256 of every leaf's dtype, shape and bytes, by its path in the tree."""
    result: dict[str, str] = {}
    leaves = cast(list[tuple[Any, Any]], jax.tree_util.tree_leaves_with_path(tree))
    for path, leaf in leaves:
        array = np.ascontiguousarray(leaf)
        head = f"{array.dtype.str}{array.shape}".encode()
        result[jax.tree_util.keystr(path)] = hashlib.sha256(head + array.tobytes()).hexdigest()
    return result


def digest(tree: Tree) -> str:
    """Returns one SHA-256, in hex, of all leaves of a tree."""
    return _digest_json(digests(tree))


def seal(metadata: Metadata) -> dict[str, Any]:
    """Returns metadata with their own SHA-256."""
    return {**metadata, "sha256": _digest_json(metadata)}


def trees(snapshot: Snapshot) -> dict[str, Tree]:
    """Returns the items of a checkpoint that contain arrays; "best" can be restored without "state"."""
    return {
        "state": {"state": snapshot.state, "counts": snapshot.counts},
        "best": snapshot.best,
    }


def manager_options(**options: Any) -> ocp.CheckpointManagerOptions:
    """Returns options of a checkpoint manager that belongs to this process alone.

    In a run of several processes Orbax would otherwise wait for the others, which save nothing.
    """
    index = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process{index}"
    )
    return ocp.CheckpointManagerOptions(create=False, multiprocessing_options=alone, **options)


def load_best(
    workdir: Path, template: Variables, notice: Callable[[str], None]
) -> Variables | None:
    """Returns the best weights of a finished run, on the host; None if no checkpoint of it is sound.

    Args:
        workdir: the run folder; nothing in it is changed.
        template: any weights of the same network, for the structure, shapes and dtypes.
        notice: called with one line about each damaged checkpoint.
    """
    options = manager_options(read_only=True)
    with cast(Any, ocp.CheckpointManager(workdir.absolute() / FOLDER, options=options)) as manager:
        steps: list[int] = sorted(manager.all_steps(), reverse=True)
        for step in steps:
            try:
                tree = {"best": jax.tree.map(np.asarray, template)}
                return load_trees(manager, step, load_metadata(manager, step), tree)["best"]
            except Damaged as damage:
                notice(f"{workdir}: checkpoint of step {step} {damage}; using the one before")
    return None


def load_trees(
    manager: ocp.CheckpointManager, step: int, metadata: Metadata, templates: Mapping[str, Tree]
) -> dict[str, Tree]:
    """Returns some items of a checkpoint.

    Raises:
        Damaged: they cannot be read, or differ from the digests in the metadata.
    """
    items: Any = {name: ocp.args.StandardRestore(tree) for name, tree in templates.items()}
    restored = _restore(manager, step, ocp.args.Composite(**items))
    loaded = {name: restored[name] for name in templates}
    actual = digests(loaded)
    saved = {
        path: digest
        for path, digest in metadata["digests"].items()
        if any(path.startswith(f"['{name}']") for name in templates)
    }
    wrong = [path for path, digest in saved.items() if actual.get(path) != digest]
    if wrong or len(actual) != len(saved):
        raise Damaged(f"{len(wrong)} of {len(actual)} arrays differ from what was saved")
    return loaded


def load_metadata(manager: ocp.CheckpointManager, step: int) -> Metadata:
    """Returns the metadata of a checkpoint.

    Raises:
        Damaged: they cannot be read, or differ from their digest.
    """
    item: Any = ocp.args.JsonRestore()
    metadata = dict(_restore(manager, step, ocp.args.Composite(meta=item))["meta"])
    if metadata.pop("sha256", None) != _digest_json(metadata):
        raise Damaged("its metadata is not what was saved")
    return cast(Metadata, metadata)


def _restore(manager: ocp.CheckpointManager, step: int, args: Any) -> Any:
    try:
        return manager.restore(step, args=args)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Damaged(f"cannot be read ({reason:.100})") from error


def _digest_json(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

"""The snapshot that training starts from: the initial one, or one restored from a checkpoint."""

from collections.abc import Callable

import jax
import numpy as np

from jaxletters.core.types import Progress, Variables
from jaxletters.evaluation import metrics
from jaxletters.runs.saving import Saver
from jaxletters.runs.snapshot import Snapshot
from jaxletters.runtime import sharding
from jaxletters.runtime.console import Console
from jaxletters.training import train_step
from jaxletters.training.task import Task


def initial_snapshot(task: Task, initial: Variables | None) -> Snapshot:
    """Returns the snapshot before the first step, with the given weights; None to draw them."""
    state = train_step.init_state(task, initial)
    # A copy, because the first step reuses the state's memory.
    best = jax.tree.map(np.array, train_step.eval_variables(state))
    return Snapshot(state, sharding.replicate(metrics.zero(), task.mesh), best, Progress())


def restore_or_initialise(
    make_initial: Callable[[], Snapshot], task: Task, checkpoints: Saver, console: Console
) -> Snapshot:
    """Returns the newest intact snapshot; the initial one if the run has no checkpoint."""
    initial = make_initial()
    restored = checkpoints.restore(initial)
    if restored is None:
        return initial
    console.notice(f"Resumed from step {int(restored.state.step):,}")
    return replicate(restored, task)


def replicate(snapshot: Snapshot, task: Task) -> Snapshot:
    """Returns a snapshot that was restored to the host with its state on every device."""
    state, counts = sharding.replicate((snapshot.state, snapshot.counts), task.mesh)
    return snapshot._replace(state=state, counts=counts)

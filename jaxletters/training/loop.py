"""The training loop: trains to the next boundary of the plan, records, evaluates and saves."""

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import jax
import numpy as np

from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError
from jaxletters.core.types import Counts, Dataset, Progress, Rollback, TrainState, Variables
from jaxletters.evaluation import inference, metrics
from jaxletters.runs.disk import Disk
from jaxletters.runs.journal import Journal
from jaxletters.runs.saving import Saver
from jaxletters.runs.snapshot import Snapshot
from jaxletters.runtime import preemption, sharding
from jaxletters.runtime.console import Console
from jaxletters.runtime.preemption import Interrupted
from jaxletters.training import early_stopping, residency, rollback, start, train_step
from jaxletters.training.device_examples import Examples
from jaxletters.training.host_examples import HostExamples
from jaxletters.training.plan import Plan
from jaxletters.training.recorder import Recorder
from jaxletters.training.task import Task

# Seconds of training between two checks for signals and updates of the progress bar.
_CALL_SECONDS = 0.25
_TRACED_STEPS = 10


def fit(
    config: Config,
    task: Task,
    plan: Plan,
    train: Dataset,
    validation: Dataset,
    workdir: Path,
    initial: Variables | None = None,
    brief: bool = False,
    teacher: Variables | None = None,
) -> Snapshot:
    """Trains until the plan or the patience ends, from the newest intact checkpoint if there is one.

    Interruptions do not change a bit of the result, given the same versions and devices.

    Args:
        config: the experiment.
        task: the network, its loss and its optimizer.
        plan: the length of the run and its boundaries.
        train: the training examples.
        validation: for early stopping and the best weights; if it is empty, the newest are the best.
        workdir: the run folder.
        initial: the initial weights; None to draw them.
        brief: whether to print no line per epoch.
        teacher: the weights of `task.teacher`, on the devices.

    Raises:
        Interrupted: a signal requested a stop; the state is saved.
        UserError: no checkpoint is intact, or the loss was repeatedly not finite.
    """
    console = Console(plan.total_steps, plan.examples / plan.batch_size, brief)
    disk = Disk(workdir, config.checkpoint.give_up_after, console.notice)
    checkpoints = _open_checkpoints(config, workdir, console, disk)
    make_initial = functools.partial(start.initial_snapshot, task, initial)
    with preemption.polling(), checkpoints, console:
        with preemption.saving_on_request(lambda: "Interrupted before training"):
            snapshot = start.restore_or_initialise(make_initial, task, checkpoints, console)
        with _open_journal(workdir, snapshot, disk) as journal:
            checkpoints.records = journal
            recorder = Recorder.of(config, plan, workdir, journal, console)
            examples = residency.place(config, task, train)
            run = _Run(
                *(config, task, plan, examples, validation, teacher),
                *(make_initial, disk, checkpoints, recorder),
            )
            snapshot = run.train(snapshot)
            checkpoints.wait_until_finished()
            return snapshot


def _open_checkpoints(config: Config, workdir: Path, console: Console, disk: Disk) -> Saver:
    disk.check()
    # One anchor more than roll-backs, in case one is damaged.
    anchors_to_keep = config.training.max_rollbacks + 1
    max_to_keep = config.checkpoint.max_to_keep
    return Saver(workdir, max_to_keep, anchors_to_keep, console.notice, disk)


def _open_journal(workdir: Path, snapshot: Snapshot, disk: Disk) -> Journal:
    step, evaluated_step = int(snapshot.state.step), snapshot.progress.evaluated_step
    return Journal(workdir, step, evaluated_step, disk.attempt)


@dataclasses.dataclass(frozen=True)
class _Run:
    """The constant parts of a run; its methods map a snapshot to the next one."""

    config: Config
    task: Task
    plan: Plan
    examples: Examples | HostExamples
    validation: Dataset
    teacher: Variables | None
    make_initial: Callable[[], Snapshot]
    disk: Disk
    checkpoints: Saver
    recorder: Recorder

    def train(self, snapshot: Snapshot) -> Snapshot:
        """Trains from boundary to boundary until the end, or until a signal requests a stop."""
        compiled = False
        while True:
            step = int(snapshot.state.step)
            if self._diverged(snapshot.state):
                snapshot = self._roll_back(snapshot)
                continue
            if self.plan.ends_epoch(step) and snapshot.progress.evaluated_step < step:
                snapshot = self._evaluate(snapshot)
            if self._must_save(snapshot):
                self._save(snapshot)
            if self._is_last(snapshot):
                return snapshot
            if preemption.requested():
                raise Interrupted(self._save_and_describe(snapshot))
            if not compiled:
                self._compile(snapshot)
                compiled = True
                if self.config.profile:
                    snapshot = self._trace(snapshot)
                    continue
            snapshot = self._advance(snapshot, self.plan.next_boundary(step))

    def _diverged(self, state: TrainState) -> bool:
        return int(state.in_a_row) >= self.task.max_skips

    def _is_last(self, snapshot: Snapshot) -> bool:
        stopped = early_stopping.exhausted(snapshot.progress, self.config.training.patience)
        return stopped or int(snapshot.state.step) >= self.plan.total_steps

    def _compile(self, snapshot: Snapshot) -> None:
        """Compiles the training program by taking one step on copies of the state.

        The snapshot stays intact, so that a signal during compilation can save it and stop the process.
        """
        state, counts = train_step.copy(self.task, snapshot.state, snapshot.counts)
        with preemption.saving_on_request(lambda: self._save_and_describe(snapshot)):
            self._run_until(state, counts, int(state.step) + 1)

    def _trace(self, snapshot: Snapshot) -> Snapshot:
        """Trains a few steps, at most to the next boundary, under JAX's profiler."""
        folder, step = self.recorder.workdir / "profile", int(snapshot.state.step)
        with jax.profiler.trace(str(folder), create_perfetto_trace=True):
            last = min(step + _TRACED_STEPS, self.plan.next_boundary(step))
            snapshot = self._advance(snapshot, last)
        self.recorder.console.notice(f"Trace of steps {step + 1:,} to {last:,}: {folder}")
        return snapshot

    def _advance(self, snapshot: Snapshot, boundary: int) -> Snapshot:
        """Trains to the boundary, or until a signal or a divergence, and records at the boundary.

        Each call of the compiled program takes about `_CALL_SECONDS`. The number of steps per call does
        not affect the result.
        """
        state, counts = snapshot.state, snapshot.counts
        first = int(state.step)
        step = first
        began = time.perf_counter()
        call_steps = 1
        while step < boundary and not preemption.requested():
            stop = min(step + call_steps, boundary)
            state, counts = self._run_until(state, counts, stop)
            if self._diverged(state):
                break
            step = int(state.step)
            self.checkpoints.poll(functools.partial(self._describe_position, "left", step))
            seconds_per_step = (time.perf_counter() - began) / (step - first)
            call_steps = max(1, int(_CALL_SECONDS / seconds_per_step))
            self.recorder.progress(state, counts, seconds_per_step)
        if step > first:
            self.recorder.training_time(first, step, time.perf_counter() - began)
            must_record = self.plan.ends_epoch(step) or step % self.plan.log_every == 0
            if step == boundary and must_record:
                self.recorder.training(state, counts)
                counts = sharding.replicate(metrics.zero(), self.task.mesh)
        return snapshot._replace(state=state, counts=counts)

    def _run_until(self, state: TrainState, counts: Counts, stop: int) -> tuple[TrainState, Counts]:
        return train_step.run_until(self.task, state, counts, self.examples, stop, self.teacher)

    def _evaluate(self, snapshot: Snapshot) -> Snapshot:
        """Evaluates on the validation examples; updates early stopping and the best weights."""
        step, variables = int(snapshot.state.step), train_step.eval_variables(snapshot.state)
        if not len(self.validation.labels):
            self.recorder.epoch(step, validation=None, best=False)
            progress = Progress(best_step=step, evaluated_step=step)
            return snapshot._replace(progress=progress, best=jax.tree.map(np.array, variables))
        began = time.perf_counter()
        with preemption.saving_on_request(lambda: self._save_and_describe(snapshot)):
            model, mesh = self.task.model, self.task.mesh
            logits = inference.logits(model, variables, self.validation.images, mesh)
            scores = metrics.evaluate(logits, self.validation.labels, self.config.metrics)
        seconds = time.perf_counter() - began
        training = self.config.training
        score = early_stopping.monitored(scores, training.monitor, self.config.metrics)
        progress = early_stopping.update(snapshot.progress, score, step, training.min_delta)
        is_best = progress.best_step == step
        self.recorder.validation(step, scores, seconds)
        self.recorder.epoch(step, validation=scores, best=is_best)
        best = jax.tree.map(np.array, variables) if is_best else snapshot.best
        return snapshot._replace(progress=progress, best=best)

    def _must_save(self, snapshot: Snapshot) -> bool:
        step = int(snapshot.state.step)
        # Without validation examples the newest weights are the best at every epoch; they need no checkpoint.
        improved = len(self.validation.labels) > 0 and snapshot.progress.best_step == step
        scheduled = step > 0 and step % self.plan.save_every == 0
        return scheduled or improved or self._is_anchor(snapshot) or self._is_last(snapshot)

    def _is_anchor(self, snapshot: Snapshot) -> bool:
        """Whether a roll-back may return to this snapshot; depends on the run's fingerprint alone.

        A snapshot that no roll-back would choose is not an anchor, because the number of anchors kept is
        limited and it would displace an earlier one.
        """
        step = int(snapshot.state.step)
        return (
            self.plan.is_anchor(step)
            and snapshot.progress.evaluated_step == step
            and not int(snapshot.state.in_a_row)
            and not rollback.is_consecutive(snapshot.rollback, step)
        )

    def _save(self, snapshot: Snapshot) -> None:
        self.checkpoints.save(snapshot, self._is_anchor(snapshot))

    def _save_and_describe(self, snapshot: Snapshot) -> str:
        """Saves a snapshot before the process ends; returns a message about it."""
        step, remark = int(snapshot.state.step), ""
        if step:
            self._save(snapshot)
            remark = self.checkpoints.save_if_available()
        return f"{self._describe_position('Interrupted', step)}{remark}"

    def _describe_position(self, event: str, step: int) -> str:
        return f"{event} at step {step:,} of {self.plan.total_steps:,}"

    def _roll_back(self, snapshot: Snapshot) -> Snapshot:
        """Returns the anchor to continue from, with the learning rate halved once more.

        The best weights and the progress are the anchor's, because the records after it are dropped. If the
        anchor is damaged, returns an earlier checkpoint unchanged: training from there reaches the anchor
        and this roll-back again, so damage changes no bit of the result.

        Raises:
            UserError: `training.max_rollbacks` roll-backs were not enough.
        """
        step, halvings = int(snapshot.state.step), int(snapshot.state.halvings)
        max_rollbacks, notice = self.config.training.max_rollbacks, self.recorder.console.notice
        if halvings >= max_rollbacks:
            self._give_up(snapshot)
        initial = self.make_initial()
        last_finite = step - int(snapshot.state.in_a_row)
        target = rollback.target(self.checkpoints.anchors(), snapshot.rollback, last_finite)
        restored = self.checkpoints.roll_back(initial, target) or initial
        restored_step = int(restored.state.step)
        rewind_journal = functools.partial(
            self.recorder.journal.rewind, restored_step, restored.progress.evaluated_step
        )
        self.disk.retry(rewind_journal, self.checkpoints.kept)
        cause = f"No finite loss at {self.task.max_skips} steps in a row up to step {step:,}"
        if restored_step != target:
            damage = f"the checkpoint of step {target:,} is damaged"
            notice(f"{cause}: {damage}, resumed from step {restored_step:,}")
            return start.replicate(restored, self.task)
        notice(
            f"{cause}: back to step {restored_step:,}, learning rate halved ({halvings + 1} of "
            f"{max_rollbacks} times at most)"
        )
        state = restored.state._replace(halvings=np.int32(halvings + 1))
        restored = restored._replace(state=state, rollback=Rollback(target, last_finite))
        return start.replicate(restored, self.task)

    def _give_up(self, snapshot: Snapshot) -> NoReturn:
        self._save(snapshot)
        self.checkpoints.wait_until_finished()
        raise UserError(
            f"{self.recorder.workdir}: expected a finite loss and gradient, found NaN or infinity at "
            f"{self.task.max_skips} steps in a row up to step {int(snapshot.state.step):,}, with the "
            f"learning rate halved {int(snapshot.state.halvings)} times; the newest checkpoint holds the "
            "state before them and metrics.jsonl the losses; start a new run with a smaller "
            "--config.optimizer.learning_rate"
        )

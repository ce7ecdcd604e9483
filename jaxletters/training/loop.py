"""The one training loop: train to the next boundary, record, evaluate, save; all else is elsewhere."""

import dataclasses
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError
from jaxletters.core.types import (
    Dataset,
    Examples,
    Progress,
    Rollback,
    Scores,
    Timing,
    TrainState,
    Variables,
)
from jaxletters.evaluation import inference, metrics
from jaxletters.runs import journal
from jaxletters.runs.checkpoint import Snapshot
from jaxletters.runs.disk import Disk
from jaxletters.runs.saving import Saver
from jaxletters.runtime import preemption, sharding
from jaxletters.runtime.console import Console
from jaxletters.runtime.preemption import Interrupted
from jaxletters.training import early_stopping, observers, rollback, train_step
from jaxletters.training.plan import Plan
from jaxletters.training.train_step import Task

# How long the devices train, in seconds, between two looks at signals and the progress bar.
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
) -> Snapshot:
    """Trains until the plan ends or patience does, from the newest sound checkpoint if there is one.

    The result is the same to the last bit however often the run was interrupted on the way, given the
    same versions and devices.

    Args:
        config: the experiment.
        task: what is trained.
        plan: how long, and what happens when.
        train: the training examples.
        validation: the examples that early stopping and the choice of the best weights look at; where
            there are none, the newest weights are the best.
        workdir: the run folder.
        initial: the weights to begin with; None to draw them.
        brief: whether the terminal is spared the lines of the epochs.

    Raises:
        Interrupted: a signal asked to stop; what was done is saved.
        UserError: there are checkpoints, but none is sound; or the loss was not finite time and again.
    """
    console = Console(plan.total_steps, plan.examples / plan.batch_size, brief)
    disk = Disk(workdir, config.checkpoint.give_up_after, console.notice)
    disk.look()
    # One anchor more than there may be roll-backs, in case one is damaged.
    keep = config.checkpoint.max_to_keep, config.training.max_rollbacks + 1
    checkpoints = Saver(workdir, *keep, console.notice, disk)
    with preemption.polling(), checkpoints, console:
        fresh = functools.partial(_fresh, task, initial)
        with preemption.saving_on_request(lambda: "Interrupted before training"):
            snapshot = _begin_or_resume(fresh, task, checkpoints, console)
        step, evaluated_at = int(snapshot.state.step), snapshot.progress.evaluated_step
        with journal.Journal(workdir, step, evaluated_at, disk.attempt) as log:
            checkpoints.records = log
            on_host = Examples(jnp.asarray(train.images), jnp.asarray(train.labels))
            examples = sharding.replicate(on_host, task.mesh)
            with config.optimizer.import_context():
                rate = config.optimizer.rate(plan.total_steps)
            run = _Run(
                config,
                task,
                plan,
                rate,
                examples,
                validation,
                workdir,
                fresh,
                disk,
                checkpoints,
                log,
                console,
            )
            snapshot = run.train(snapshot)
            checkpoints.finish()
            return snapshot


def _fresh(task: Task, initial: Variables | None) -> Snapshot:
    """Returns where a run begins."""
    state = train_step.init_state(task, initial)
    # A copy: the state's memory is handed on to the first step.
    best = jax.tree.map(jnp.copy, train_step.eval_variables(state))
    return Snapshot(state, sharding.replicate(metrics.zero(), task.mesh), best, Progress())


def _begin_or_resume(
    fresh: Callable[[], Snapshot], task: Task, checkpoints: Saver, console: Console
) -> Snapshot:
    first = fresh()
    restored = checkpoints.restore(first)
    if restored is None:
        return first
    console.notice(f"Resumed from step {int(restored.state.step):,}")
    return _on_devices(restored, task)


def _on_devices(snapshot: Snapshot, task: Task) -> Snapshot:
    arrays = (snapshot.state, snapshot.counts, snapshot.best)
    state, counts, best = sharding.replicate(arrays, task.mesh)
    return snapshot._replace(state=state, counts=counts, best=best)


@dataclasses.dataclass(frozen=True)
class _Run:
    """What stays the same while a run goes on."""

    config: Config
    task: Task
    plan: Plan
    rate: optax.Schedule
    examples: Examples
    validation: Dataset
    workdir: Path
    fresh: Callable[[], Snapshot]
    disk: Disk
    checkpoints: Saver
    log: journal.Journal
    console: Console

    def train(self, snapshot: Snapshot) -> Snapshot:
        """Goes from boundary to boundary until the end, or until a signal asks to leave."""
        compiled = False
        while True:
            step = int(snapshot.state.step)
            if self._diverged(snapshot.state):
                snapshot = self._roll_back(snapshot)
                continue
            if self.plan.ends_epoch(step) and snapshot.progress.evaluated_step < step:
                snapshot = self._evaluate(snapshot, step)
            if self._due(snapshot, step):
                self._save(snapshot)
            if self._ended(step, snapshot.progress):
                return snapshot
            if preemption.requested():
                raise Interrupted(self._leave(snapshot))
            if not compiled:
                self._compile(snapshot)
                compiled = True
                if self.config.profile:
                    snapshot = self._trace(snapshot)
                    continue
            snapshot = self._advance(snapshot, self.plan.next_boundary(step))

    def _diverged(self, state: TrainState) -> bool:
        return int(state.in_a_row) >= self.task.max_skips

    def _ended(self, step: int, progress: Progress) -> bool:
        out_of_patience = early_stopping.exhausted(progress, self.config.training.patience)
        return step >= self.plan.total_steps or out_of_patience

    def _compile(self, snapshot: Snapshot) -> None:
        """Takes a step on copies, only so that the process can be left while its program is compiled."""
        state, counts = jax.tree.map(jnp.copy, (snapshot.state, snapshot.counts))
        with preemption.saving_on_request(lambda: self._leave(snapshot)):
            train_step.run_until(self.task, state, counts, self.examples, int(state.step) + 1)

    def _trace(self, snapshot: Snapshot) -> Snapshot:
        """Takes some steps while what the devices do is written down."""
        folder, step = self.workdir / "profile", int(snapshot.state.step)
        with jax.profiler.trace(str(folder), create_perfetto_trace=True):
            last = min(step + _TRACED_STEPS, self.plan.next_boundary(step))
            snapshot = self._advance(snapshot, last)
        self.console.notice(f"Trace of steps {step + 1:,} to {last:,}: {folder}")
        return snapshot

    def _due(self, snapshot: Snapshot, step: int) -> bool:
        """Whether a checkpoint is to be saved."""
        # Weights that are the best for being the newest cost no more than time to make again.
        improved = len(self.validation.labels) and snapshot.progress.best_step == step
        return bool(
            (step and step % self.plan.save_every == 0)
            or improved
            or self._is_anchor(snapshot, step)
            or self._ended(step, snapshot.progress)
        )

    def _is_anchor(self, snapshot: Snapshot, step: int) -> bool:
        """Whether a roll-back may go to this snapshot, which follows from the run's identity alone.

        None is made that no roll-back would go to, for they would take the place of earlier ones.
        """
        return (
            self.plan.is_anchor(step)
            and snapshot.progress.evaluated_step == step
            and not int(snapshot.state.in_a_row)
            and not rollback.is_consecutive(snapshot.rollback, step)
        )

    def _advance(self, snapshot: Snapshot, boundary: int) -> Snapshot:
        """Trains up to the boundary in short calls, which do not show in the result; records there."""
        state, counts = snapshot.state, snapshot.counts
        step = first = int(state.step)
        began = time.perf_counter()
        portion = 1
        while step < boundary and not preemption.requested():
            state, counts = train_step.run_until(
                self.task, state, counts, self.examples, min(step + portion, boundary)
            )
            shown = metrics.means(counts)
            if self._diverged(state):
                break
            step = int(state.step)
            self.checkpoints.tend(functools.partial(self._left_at, step))
            per_step = (time.perf_counter() - began) / (step - first)
            portion = max(1, int(_CALL_SECONDS / per_step))
            self.console.update(
                step,
                images_per_second=self.task.batch_size / per_step,
                learning_rate=self._learning_rate(state),
                **shown,
            )
        advanced = snapshot._replace(state=state, counts=counts)
        if step == first:
            return advanced
        elapsed = time.perf_counter() - began
        images = (step - first) * self.task.batch_size
        self.log.timing(step, seconds=elapsed, images_per_second=images / elapsed)
        recorded = self.plan.ends_epoch(step) or step % self.plan.log_every == 0
        return self._record(advanced, step) if step == boundary and recorded else advanced

    def _leave(self, snapshot: Snapshot) -> str:
        """Saves what there is; returns what to say of it."""
        step, remark = int(snapshot.state.step), ""
        if step:
            self._save(snapshot)
            remark = self.checkpoints.leave()
        return f"Interrupted at step {step:,} of {self.plan.total_steps:,}{remark}"

    def _left_at(self, step: int) -> str:
        return f"left at step {step:,} of {self.plan.total_steps:,}"

    def _roll_back(self, snapshot: Snapshot) -> Snapshot:
        """Returns the anchor to go back to with the learning rate halved once more.

        Its best weights and its progress are those of that time, because the records of what came after
        it are dropped. Where it is damaged, an earlier checkpoint as it is: the steps from there make the
        anchor again and come here again, so that damage changes no bit of the result.

        Raises:
            UserError: this has happened too often.
        """
        step, halvings = int(snapshot.state.step), int(snapshot.state.halvings)
        if halvings >= self.config.training.max_rollbacks:
            self._save(snapshot)
            self.checkpoints.finish()
            raise UserError(
                f"{self.workdir}: expected a finite loss and gradient, found none at "
                f"{self.task.max_skips} steps in a row up to step {step:,}, with the learning rate "
                f"halved {halvings} times; the state before them is the newest checkpoint, metrics.jsonl "
                "tells how the loss went; begin anew elsewhere with a smaller "
                "--config.optimizer.learning_rate"
            )
        fresh = self.fresh()
        last_finite = step - int(snapshot.state.in_a_row)
        target = rollback.target(self.checkpoints.anchors(), snapshot.rollback, last_finite)
        good = self.checkpoints.roll_back(fresh, target) or fresh
        found = int(good.state.step)
        back_at = found, good.progress.evaluated_step
        self.disk.insist(functools.partial(self.log.rewind, *back_at), self.checkpoints.kept)
        said = f"No finite loss at {self.task.max_skips} steps in a row up to step {step:,}"
        if found != target:
            self.console.notice(
                f"{said}: the checkpoint of step {target:,} is damaged, resumed from step {found:,}"
            )
            return _on_devices(good, self.task)
        self.console.notice(
            f"{said}: back to step {found:,}, learning rate halved ({halvings + 1} of "
            f"{self.config.training.max_rollbacks} times at most)"
        )
        state = good.state._replace(halvings=np.int32(halvings + 1))
        back = good._replace(state=state, rollback=Rollback(target, last_finite))
        return _on_devices(back, self.task)

    def _record(self, snapshot: Snapshot, step: int) -> Snapshot:
        state, counts = snapshot.state, snapshot.counts
        scores = metrics.means(counts)
        self._write(
            step,
            "train",
            epoch=step * self.plan.batch_size / self.plan.examples,
            examples=int(counts.examples),
            skipped=int(state.skipped),
            halvings=int(state.halvings),
            learning_rate=self._learning_rate(state),
            loss=scores["loss"],
            accuracy=scores["accuracy"],
        )
        return snapshot._replace(counts=sharding.replicate(metrics.zero(), self.task.mesh))

    def _evaluate(self, snapshot: Snapshot, step: int) -> Snapshot:
        variables = train_step.eval_variables(snapshot.state)
        if not len(self.validation.labels):
            self.console.epoch(
                self.plan.epochs_done(step), step, **self._epoch(step), validation=None, best=False
            )
            best = jax.tree.map(jnp.copy, variables)
            progress = Progress(best_step=step, evaluated_step=step)
            return snapshot._replace(progress=progress, best=best)
        began = time.perf_counter()
        with preemption.saving_on_request(lambda: self._leave(snapshot)):
            logits = inference.logits(
                self.task.model, variables, self.validation.images, self.task.mesh
            )
            scores = metrics.evaluate(logits, self.validation.labels, self.config.metrics)
        elapsed = time.perf_counter() - began
        metric = self._monitored(scores)
        progress = early_stopping.update(
            snapshot.progress, metric, step, self.config.training.min_delta
        )
        is_best = progress.best_step == step
        epoch = self.plan.epochs_done(step)
        self._write(step, "validation", epoch=float(epoch), **scores)
        self.log.timing(step, evaluation_seconds=elapsed)
        self.console.epoch(epoch, step, **self._epoch(step), validation=scores, best=is_best)
        best = jax.tree.map(jnp.copy, variables) if is_best else snapshot.best
        return snapshot._replace(progress=progress, best=best)

    def _monitored(self, scores: Scores) -> float:
        """The score that the best weights have most of."""
        name = self.config.training.monitor
        less = {"loss", *(metric.name for metric in self.config.metrics if not metric.maximize)}
        return -scores[name] if name in less else scores[name]

    def _write(self, step: int, split: str, **values: float) -> None:
        self.log.record(step, split, **values)
        observers.record(
            self.config.observers, self.workdir, {"step": step, "split": split, **values}
        )

    def _epoch(self, step: int) -> dict[str, Any]:
        """The training scores of the epoch that ends at `step`, and its seconds, from its records."""
        began = self.plan.epoch_end(self.plan.epochs_done(step) - 1)
        records, timings = self.log.since(began)
        records = [r for r in records if r["split"] == "train"]
        examples = max(sum(r.get("examples", 0) for r in records), 1)
        return {
            "train": {
                k: sum(r[k] * r.get("examples", 0) for r in records) / examples
                for k in ("loss", "accuracy")
            },
            "seconds": sum(seconds(r) for r in timings),
        }

    def _learning_rate(self, state: TrainState) -> float:
        """The rate that the newest step was computed with, whether it was taken or skipped."""
        # The optimizer counts the steps that were taken, and the rate follows from the count before.
        counted = int(state.step) - int(state.skipped)
        before = counted if int(state.in_a_row) else counted - 1
        return float(jnp.asarray(self.rate(before))) / 2 ** int(state.halvings)

    def _save(self, snapshot: Snapshot) -> None:
        anchor = self._is_anchor(snapshot, int(snapshot.state.step))
        self.checkpoints.save(snapshot, anchor)


def seconds(timing: Timing) -> float:
    """Returns the seconds that one record of `timings.jsonl` accounts for."""
    return timing.get("seconds", 0.0) + timing.get("evaluation_seconds", 0.0)

"""The one training loop: train to the next boundary, record, evaluate, save; all else is elsewhere."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxletters import journal, metrics, optim, sharding, steps, stopping
from jaxletters.checkpoint import Checkpoints, Snapshot
from jaxletters.config import Config
from jaxletters.console import Console
from jaxletters.plan import Plan
from jaxletters.preempt import Guard, Interrupted
from jaxletters.steps import Task
from jaxletters.types import Dataset, Examples, Progress, Scores, Variables

EVALUATION_BATCH = 512
"""Images per call in evaluation; their number changes no figure."""

# How long the devices train, in seconds, between two looks at signals and the progress bar.
_CALL_SECONDS = 0.25


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
        UserError: there are checkpoints, but none is sound.
    """
    console = Console(plan.total_steps, plan.examples / plan.batch_size, brief)
    checkpoints = Checkpoints(workdir, config.checkpoint.max_to_keep, console.notice)
    with Guard() as guard, checkpoints, console:
        snapshot = _begin_or_resume(task, initial, checkpoints, console)
        with journal.Journal(workdir, resumed_at=int(snapshot.state.step)) as log:
            on_host = Examples(jnp.asarray(train.images), jnp.asarray(train.labels))
            examples = sharding.replicate(on_host, task.mesh)
            rate = optim.schedule(
                config.optimizer.learning_rate, config.optimizer.schedule, plan.total_steps
            )
            run = _Run(
                config,
                task,
                plan,
                rate,
                examples,
                validation,
                workdir,
                guard,
                checkpoints,
                log,
                console,
            )
            return run.train(snapshot)


def _begin_or_resume(
    task: Task, initial: Variables | None, checkpoints: Checkpoints, console: Console
) -> Snapshot:
    state = steps.init(task, initial)
    # A copy: the state's memory is handed on to the first step.
    best = jax.tree.map(jnp.copy, steps.evaluated(state))
    fresh = Snapshot(state, sharding.replicate(metrics.zero(), task.mesh), best, Progress())
    restored = checkpoints.restore(fresh)
    if restored is None:
        return fresh
    console.notice(f"Resumed from step {int(restored.state.step):,}")
    arrays = (restored.state, restored.counts, restored.best)
    return Snapshot(*sharding.replicate(arrays, task.mesh), restored.progress)


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
    guard: Guard
    checkpoints: Checkpoints
    log: journal.Journal
    console: Console

    def train(self, snapshot: Snapshot) -> Snapshot:
        """Goes from boundary to boundary until the end, or until a signal asks to leave."""
        step = int(snapshot.state.step)
        while not self._ended(step, snapshot.progress):
            boundary = self.plan.next_boundary(step)
            snapshot = self._advance(snapshot, boundary)
            step = int(snapshot.state.step)
            if step == boundary:
                snapshot = self._at_boundary(snapshot, step)
            if self.guard.requested:
                self._save(snapshot)
                raise Interrupted(f"Interrupted at step {step:,} of {self.plan.total_steps:,}")
        return snapshot

    def _ended(self, step: int, progress: Progress) -> bool:
        out_of_patience = stopping.exhausted(progress, self.config.training.patience)
        return step >= self.plan.total_steps or out_of_patience

    def _advance(self, snapshot: Snapshot, boundary: int) -> Snapshot:
        """Trains up to the boundary in short calls, which do not show in the result."""
        state, counts = snapshot.state, snapshot.counts
        step = first = int(state.step)
        began = time.perf_counter()
        portion = 1
        while step < boundary and not self.guard.requested:
            step = min(step + portion, boundary)
            state, counts = steps.run_until(self.task, state, counts, self.examples, step)
            shown = metrics.means(counts)
            per_step = (time.perf_counter() - began) / (step - first)
            portion = max(1, int(_CALL_SECONDS / per_step))
            self.console.update(
                step,
                images_per_second=self.task.batch_size / per_step,
                learning_rate=self._learning_rate(step),
                **shown,
            )
        if step == first:
            return snapshot
        elapsed = time.perf_counter() - began
        images = (step - first) * self.task.batch_size
        self.log.timing(step, seconds=elapsed, images_per_second=images / elapsed)
        return snapshot._replace(state=state, counts=counts)

    def _at_boundary(self, snapshot: Snapshot, step: int) -> Snapshot:
        """Records, evaluates and saves what is due after `step` steps."""
        ends_epoch = self.plan.ends_epoch(step)
        if ends_epoch or step % self.plan.log_every == 0:
            snapshot = self._record(snapshot, step)
        best_before = snapshot.progress.best_step
        if ends_epoch:
            snapshot = self._evaluate(snapshot, step)
        due = step % self.plan.save_every == 0 or self._ended(step, snapshot.progress)
        # Weights that are the best for being the newest cost no more than time to make again.
        improved = len(self.validation.labels) and snapshot.progress.best_step != best_before
        if due or improved:
            self._save(snapshot)
        return snapshot

    def _record(self, snapshot: Snapshot, step: int) -> Snapshot:
        state, counts = snapshot.state, snapshot.counts
        scores = metrics.means(counts)
        self.log.record(
            step,
            "train",
            epoch=step * self.plan.batch_size / self.plan.examples,
            examples=int(counts.examples),
            skipped=int(state.skipped),
            learning_rate=self._learning_rate(step - int(state.skipped)),
            loss=scores["loss"],
            accuracy=scores["accuracy"],
        )
        return snapshot._replace(counts=sharding.replicate(metrics.zero(), self.task.mesh))

    def _evaluate(self, snapshot: Snapshot, step: int) -> Snapshot:
        variables = steps.evaluated(snapshot.state)
        if not len(self.validation.labels):
            self.console.epoch(
                self.plan.epochs_done(step), step, **self._epoch(step), validation=None, best=False
            )
            best = jax.tree.map(jnp.copy, variables)
            return snapshot._replace(progress=Progress(best_step=step), best=best)
        began = time.perf_counter()
        scores = evaluate(self.task, variables, self.validation)
        elapsed = time.perf_counter() - began
        metric = (
            scores["accuracy"] if self.config.training.monitor == "accuracy" else -scores["loss"]
        )
        progress = stopping.update(snapshot.progress, metric, step, self.config.training.min_delta)
        is_best = progress.best_step == step
        epoch = self.plan.epochs_done(step)
        self.log.record(
            step, "validation", epoch=float(epoch), loss=scores["loss"], accuracy=scores["accuracy"]
        )
        self.log.timing(step, evaluation_seconds=elapsed)
        self.console.epoch(epoch, step, **self._epoch(step), validation=scores, best=is_best)
        best = jax.tree.map(jnp.copy, variables) if is_best else snapshot.best
        return snapshot._replace(progress=progress, best=best)

    def _epoch(self, step: int) -> dict[str, Any]:
        """The training scores of the epoch that ends at `step`, and its seconds, from its records."""
        began = self.plan.epoch_end(self.plan.epochs_done(step) - 1)
        records = [r for r in journal.read(self.workdir) if began < r["step"] <= step]
        records = [r for r in records if r["split"] == "train"]
        examples = max(sum(r["examples"] for r in records), 1)
        timings = [r for r in journal.read_timings(self.workdir) if began < r["step"] <= step]
        return {
            "train": {
                k: sum(r[k] * r["examples"] for r in records) / examples
                for k in ("loss", "accuracy")
            },
            "seconds": sum(seconds(r) for r in timings),
        }

    def _learning_rate(self, step: int) -> float:
        return float(jnp.asarray(self.rate(step)))

    def _save(self, snapshot: Snapshot) -> None:
        # Records first: a checkpoint never knows of a step whose records could be lost.
        self.log.flush()
        self.checkpoints.save(snapshot)


def seconds(timing: dict[str, float]) -> float:
    """Returns the seconds that one record of `timings.jsonl` accounts for."""
    return timing.get("seconds", 0.0) + timing.get("evaluation_seconds", 0.0)


def evaluate(task: Task, variables: Variables, dataset: Dataset) -> Scores:
    """Returns the mean `loss` (nats) and `accuracy` (0 to 1) on a dataset, every example once."""
    logits = steps.predict(task.model, variables, dataset.images, EVALUATION_BATCH, task.mesh)
    return metrics.evaluate(logits, dataset.labels)

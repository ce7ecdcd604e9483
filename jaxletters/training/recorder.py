"""The records of a training run: written to its journal, passed to observers, shown on the terminal."""

import dataclasses
from pathlib import Path
from typing import Self

import jax.numpy as jnp
import optax

from jaxletters.config.schema import Config
from jaxletters.core.types import Counts, Scores, Timing, TrainState
from jaxletters.evaluation import metrics
from jaxletters.runs.journal import Journal
from jaxletters.runtime.console import Console
from jaxletters.training import observers
from jaxletters.training.plan import Plan


@dataclasses.dataclass(frozen=True)
class Recorder:
    """Records the metrics and timings of one run.

    Attributes:
        config: the experiment.
        plan: the length of the run and its boundaries.
        rate: the learning rate by step.
        workdir: the run folder.
        journal: the writer of `metrics.jsonl` and `timings.jsonl`.
        console: the output on the terminal.
    """

    config: Config
    plan: Plan
    rate: optax.Schedule
    workdir: Path
    journal: Journal
    console: Console

    @classmethod
    def of(
        cls, config: Config, plan: Plan, workdir: Path, journal: Journal, console: Console
    ) -> Self:
        """Returns a recorder with the learning rate that the config's optimizer describes."""
        with config.optimizer.import_context():
            rate = config.optimizer.rate(plan.total_steps)
        return cls(config, plan, rate, workdir, journal, console)

    def progress(self, state: TrainState, counts: Counts, seconds_per_step: float) -> None:
        """Updates the progress bar."""
        self.console.update(
            int(state.step),
            images_per_second=self.plan.batch_size / seconds_per_step,
            learning_rate=self._learning_rate(state),
            **metrics.means(counts),
        )

    def training(self, state: TrainState, counts: Counts) -> None:
        """Records the means of `counts`, the training metrics since the last record."""
        step, means = int(state.step), metrics.means(counts)
        self._record(
            step,
            "train",
            epoch=step * self.plan.batch_size / self.plan.examples,
            examples=int(counts.examples),
            skipped=int(state.skipped),
            halvings=int(state.halvings),
            learning_rate=self._learning_rate(state),
            loss=means["loss"],
            accuracy=means["accuracy"],
        )

    def training_time(self, first: int, last: int, seconds: float) -> None:
        """Records the seconds between two steps."""
        images = (last - first) * self.plan.batch_size
        self.journal.timing(last, seconds=seconds, images_per_second=images / seconds)

    def validation(self, step: int, scores: Scores, seconds: float) -> None:
        """Records the validation metrics after `step`, and the seconds that they took."""
        self._record(step, "validation", epoch=float(self.plan.epochs_done(step)), **scores)
        self.journal.timing(step, evaluation_seconds=seconds)

    def epoch(self, step: int, validation: Scores | None, best: bool) -> None:
        """Prints the line of the epoch that ends at `step`, computed from the epoch's records."""
        epoch = self.plan.epochs_done(step)
        records, timings = self.journal.since(self.plan.epoch_end(epoch - 1))
        self.console.epoch(
            epoch,
            step,
            train=metrics.merge_records([r for r in records if r["split"] == "train"]),
            validation=validation,
            best=best,
            seconds=sum(map(timed_seconds, timings)),
        )

    def _record(self, step: int, split: str, **values: float) -> None:
        self.journal.record(step, split, **values)
        record = {"step": step, "split": split, **values}
        observers.record(self.config.observers, self.workdir, record)

    def _learning_rate(self, state: TrainState) -> float:
        """Returns the learning rate of the newest step, whether it was taken or skipped."""
        # The rate depends on the number of updates before the step; a skipped step is no update.
        updates = int(state.step) - int(state.skipped)
        newest_skipped = int(state.in_a_row) > 0
        count = updates if newest_skipped else updates - 1
        return float(jnp.asarray(self.rate(count))) / 2 ** int(state.halvings)


def timed_seconds(timing: Timing) -> float:
    """Returns the seconds that one record of `timings.jsonl` accounts for."""
    return timing.get("seconds", 0.0) + timing.get("evaluation_seconds", 0.0)

"""The boundaries of a run: when to record, evaluate and save, as pure functions of the step."""

from typing import NamedTuple, Self

from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError

# Limited, because an epoch may be a few steps, which take no longer than saving a checkpoint.
_MAX_ANCHORS = 20


class Plan(NamedTuple):
    """The length of a run and its boundaries; every boundary is a step count.

    An epoch is one pass over the examples. Batches may straddle two epochs, so an epoch ends with the
    batch that holds its last example.

    Attributes:
        examples: training examples.
        batch_size: examples per step.
        epochs: passes over the examples.
        log_every: steps between records of the training loss.
        save_every: steps between checkpoints.
    """

    examples: int
    batch_size: int
    epochs: int
    log_every: int
    save_every: int

    @classmethod
    def of(cls, config: Config, examples: int) -> Self:
        """Returns the plan of a config for a given number of training examples.

        Raises:
            UserError: a batch is larger than an epoch, or the run has more positions than uint32 counts.
        """
        size = config.training.batch_size
        if size > examples:
            raise UserError(
                f"config.training.batch_size: expected at most the {examples:,} training examples, "
                f"found {size:,}; choose a smaller one"
            )
        # `sampling.batch_indices` counts positions in uint32, up to the end of the last batch.
        if (most := (2**32 - 1 - size) // examples) < config.training.epochs:
            raise UserError(
                f"config.training.epochs: expected at most {most:,} for {examples:,} training "
                f"examples, found {config.training.epochs:,}; choose fewer"
            )
        return cls(
            examples=examples,
            batch_size=config.training.batch_size,
            epochs=config.training.epochs,
            log_every=config.log_every_steps,
            save_every=config.checkpoint.every_steps,
        )

    @property
    def total_steps(self) -> int:
        """The step at which the last epoch ends."""
        return self.epoch_end(self.epochs)

    def epoch_end(self, epoch: int) -> int:
        """The step at which the first `epoch` epochs are complete."""
        return -(-self.examples * epoch // self.batch_size)  # rounded up

    def epochs_done(self, step: int) -> int:
        """The number of complete epochs after `step` steps."""
        return step * self.batch_size // self.examples

    def ends_epoch(self, step: int) -> bool:
        """Whether step number `step` completed an epoch."""
        return step > 0 and self.epochs_done(step) > self.epochs_done(step - 1)

    def is_anchor(self, step: int) -> bool:
        """Whether a diverging run may return to `step`: the end of an epoch, at most 20 per run."""
        every = -(-self.epochs // _MAX_ANCHORS)  # epochs between anchors, rounded up
        return self.ends_epoch(step) and self.epochs_done(step) % every == 0

    def next_boundary(self, step: int) -> int:
        """The next step at which something is recorded, evaluated or saved."""
        return min(
            self.epoch_end(self.epochs_done(step) + 1),
            (step // self.log_every + 1) * self.log_every,
            (step // self.save_every + 1) * self.save_every,
            self.total_steps,
        )

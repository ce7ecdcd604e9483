"""The settings of training: loss, optimizer, learning rate, epochs and checkpoints."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jaxletters.config.parts import Part, as_text, setting
from jaxletters.config.slots import Loss, Optimizer, Schedule

if TYPE_CHECKING:
    import jax
    import optax

OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
MONITORS = ("accuracy", "loss")
RESIDENCIES = ("device", "host")


@dataclasses.dataclass(frozen=True)
class LossConfig(Loss):
    """Cross-entropy with optional penalties.

    Attributes:
        label_smoothing: probability spread evenly over all classes.
        l1: factor of the sum of absolute kernel values.
        l2: factor of the sum of squared kernel values.
        prior: strength of the logit adjustment for imbalanced training classes: 1 removes the effect of
            the class frequencies, as if all classes were equally frequent.
    """

    label_smoothing: float = setting(0.0, low=0, high=0.999999)
    l1: float = setting(0.0, low=0)
    l2: float = setting(0.0, low=0)
    prior: float = setting(0.0, low=0, high=1)

    def per_example(self, logits: "jax.Array", labels: "jax.Array") -> "jax.Array":
        """Returns the cross-entropy of each example; see the base class."""
        from jaxletters.evaluation import losses

        return losses.cross_entropy(logits, labels, self.label_smoothing)

    def penalty(self, params: Any) -> "jax.Array":
        """Returns the penalty of the kernels."""
        from jaxletters.evaluation import losses

        return losses.penalty(params, self)


@dataclasses.dataclass(frozen=True)
class FinishedRun(Part):
    """A finished run that another one uses; if both settings are empty, no run.

    Attributes:
        config: its config file; may be empty for a run that has none.
        workdir: its run folder; empty for `checkpoints/<config's name>`.
    """

    config: str = ""
    workdir: str = setting("", in_fingerprint=False)

    def __post_init__(self) -> None:
        for name in ("config", "workdir"):
            object.__setattr__(self, name, as_text(getattr(self, name)))

    @property
    def is_named(self) -> bool:
        """Whether there is such a run."""
        return bool(self.config or self.workdir)


@dataclasses.dataclass(frozen=True)
class Distillation(LossConfig):
    """Cross-entropy with the labels and with the probabilities of a teacher.

    The teacher predicts each training image as the student sees it, after augmentation. In the second term
    the logits of both are divided by `temperature`; the term is multiplied by the square of `temperature`, so
    that its gradient has about the same size at every temperature (Hinton et al., Distilling the Knowledge in
    a Neural Network, 2015).

    Attributes:
        teacher: a finished run of one network, or of several under different seeds. It must read the same
            images and classes, and must not have been trained on the student's validation or test examples.
            Its logits are compared with the student's without `prior`, so both should have the same `prior`.
        temperature: values above 1 make the teacher's probabilities more even, so that its improbable classes
            count more.
        share: of the teacher in the loss; the label has the rest.
    """

    teacher: FinishedRun = FinishedRun()
    temperature: float = setting(1.0, low=0.01, high=100)
    share: float = setting(0.5, low=0, high=1)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.teacher.is_named:
            yield "teacher: expected a finished run, found no run; set its config file (config) or workdir"


@dataclasses.dataclass(frozen=True)
class ScheduleConfig(Schedule):
    """A learning rate schedule.

    Attributes:
        name: "constant"; "cosine", falling to zero; "one_cycle", a linear rise during the warm-up and then
            a linear fall to zero; "step", multiplied by `factor` at each milestone.
        warmup: share of the run during which the rate rises linearly from zero.
        milestones: for "step": shares of the run, in rising order.
        factor: for "step".
    """

    name: str = setting("constant", choices=SCHEDULES)
    warmup: float = setting(0.0, low=0, high=0.999999)
    milestones: tuple[float, ...] = setting((0.5, 0.75), low=0, high=1)
    factor: float = setting(0.1, low=1e-12, high=1)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if list(self.milestones) != sorted(set(self.milestones)):
            yield f"milestones: expected rising values, found {self.milestones}"

    def build(self, peak: float, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step."""
        from jaxletters.training import optimizers

        return optimizers.schedule(peak, self, total_steps)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(Optimizer):
    """An optimizer of Optax.

    Attributes:
        name: one of OPTIMIZERS.
        learning_rate: the peak of the learning rate.
        momentum: for "momentum" and "nesterov"; the other optimizers have their usual values.
        weight_decay: of kernels only (not BatchNorm, not biases), times the learning rate; decoupled for
            "adamw" and "muon", part of the gradient for "sgd", "momentum" and "nesterov".
        clip_norm: largest global norm of the gradient; 0 for no clipping.
        schedule: the learning rate schedule.
    """

    name: str = setting("adam", choices=OPTIMIZERS)
    learning_rate: float = setting(1e-3, low=1e-12, high=10**6)
    momentum: float = setting(0.9, low=0, high=0.999999)
    weight_decay: float = setting(0.0, low=0)
    clip_norm: float = setting(0.0, low=0)
    schedule: Schedule = ScheduleConfig()

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if self.weight_decay and self.name in ("adam", "rmsprop"):
            yield (
                f"weight_decay: {self.name} does not support it; set name=adamw, or use config.loss.l2"
            )

    def build(self, total_steps: int) -> "optax.GradientTransformation":
        """Returns the transformation."""
        from jaxletters.training import optimizers

        return optimizers.transformation(self, self.rate(total_steps))


@dataclasses.dataclass(frozen=True)
class ReturningConfig(OptimizerConfig):
    """An optimizer whose last steps go back a part of the way to the initial weights.

    A fine-tuned network then forgets less of what it knew and keeps most of what it learned (Wortsman et al.,
    Robust fine-tuning of zero-shot models, 2022). The weights go back between 85% and 95% of the steps, so
    the result is the same if a few steps are skipped because of a loss that is not finite. A learning rate
    that was halved after a divergence halves the way back as well.

    Attributes:
        back: the part of the way, from 0 (none) to 1 (all of it).
    """

    back: float = setting(0.4, low=0, high=1)

    def build(self, total_steps: int) -> "optax.GradientTransformation":
        """Returns the transformation."""
        from jaxletters.training import optimizers

        return optimizers.returning(super().build(total_steps), total_steps, self.back)


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Part):
    """Batch size, duration, early stopping and the handling of divergence.

    Attributes:
        batch_size: examples per step, over all devices together.
        epochs: passes over the training examples; early stopping may end the run before.
        patience: evaluations without an improvement of `monitor` after which training stops; 0 for no early
            stopping.
        min_delta: least improvement that counts for `patience`; the best weights are kept regardless.
        monitor: "accuracy", "loss" or the name of one of the config's metrics, on the validation examples.
        ema_decay: decay of the exponential moving average of weights and BatchNorm statistics that is
            evaluated; 0 for no average.
        max_skips: a step with a non-finite loss or gradient is skipped; after this many in a row the run
            rolls back to the end of an epoch and continues with half the learning rate. It rolls back
            further each time it diverges again before it has come twice as far.
        max_rollbacks: roll-backs after which the next divergence ends the run with an error.
        residency: where the training examples are: on every "device", or on the "host", for datasets that do
            not fit; a run may change it and ends with the same bits.
    """

    batch_size: int = setting(128, low=1, high=10**6)
    epochs: int = setting(10, low=1, high=10**6)
    patience: int = setting(0, low=0)
    min_delta: float = setting(0.0, low=0)
    monitor: str = "accuracy"
    ema_decay: float = setting(0.0, low=0, high=0.999999)
    max_skips: int = setting(10, low=1, high=10**6)
    max_rollbacks: int = setting(3, low=0, high=100)
    residency: str = setting("device", choices=RESIDENCIES, in_fingerprint=False)


@dataclasses.dataclass(frozen=True)
class CheckpointConfig(Part):
    """When and where to save checkpoints.

    Checkpoints are also saved at each best validation and at the ends of epochs that a diverging run may roll
    back to; `training.max_rollbacks` + 1 of the latter are kept in addition to the newest `max_to_keep`.

    Attributes:
        every_steps: steps between two checkpoints.
        max_to_keep: the number of newest checkpoints that are kept.
        mirror: a folder, perhaps on an unreliable disk, that receives a copy of the run folder during the
            run and from which another machine can resume; empty for no mirror.
        give_up_after: how long the disk of the run folder or of its mirror may be missing before the run
            exits: "10m", "1h30m".
    """

    every_steps: int = setting(500, low=1, high=10**9)
    max_to_keep: int = setting(3, low=1, high=10**6)
    mirror: str = ""
    give_up_after: str = setting("10m", duration=True, required=True)

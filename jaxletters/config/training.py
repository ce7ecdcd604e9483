"""The settings of training: augmentation, loss, optimizer, learning rate, epochs and checkpoints."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jaxletters.config.parts import Part, setting
from jaxletters.config.slots import Augmentation, Loss, Optimizer, Schedule

if TYPE_CHECKING:
    import jax
    import optax

OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
MONITORS = ("accuracy", "loss")


@dataclasses.dataclass(frozen=True)
class AugmentConfig(Augmentation):
    """How far training images are changed at random; all zero is no augmentation.

    Attributes:
        rotation: largest angle, in degrees.
        shear: largest horizontal shear, as a fraction of the height.
        scale: largest relative change of size.
        shift: largest shift along each axis, in pixels.
        elastic: standard deviation of a smooth displacement of every pixel, in pixels.
        stroke: how far from one half the threshold may lie at which a blurred image is ink: strokes
            become thinner and thicker.
        low_resolution: share of images that are reduced to 20x16 bits and enlarged again.
        erase: largest edge of a square that is made paper, in pixels.
    """

    rotation: float = setting(0.0, low=0, high=180)
    shear: float = setting(0.0, low=0)
    scale: float = setting(0.0, low=0, high=0.9)
    shift: float = setting(0.0, low=0)
    elastic: float = setting(0.0, low=0)
    stroke: float = setting(0.0, low=0, high=0.25)
    low_resolution: float = setting(0.0, low=0, high=1)
    erase: int = setting(0, low=0, high=28)

    def apply(self, key: "jax.Array", image: "jax.Array") -> "jax.Array":
        """Returns a changed image; see the base class."""
        from jaxletters.training import augment

        return augment.change(key, image, self)


@dataclasses.dataclass(frozen=True)
class LossConfig(Loss):
    """Cross-entropy and its penalties.

    Attributes:
        label_smoothing: probability spread evenly over all classes.
        l1: factor of the sum of absolute kernel values.
        l2: factor of the sum of squared kernel values.
        prior: how much of what is due to some classes being more frequent in training is taken out of
            what the network learns: 1 for all of it, as if all were equally frequent.
    """

    label_smoothing: float = setting(0.0, low=0, high=0.999999)
    l1: float = setting(0.0, low=0)
    l2: float = setting(0.0, low=0)
    prior: float = setting(0.0, low=0, high=1)

    def per_example(self, logits: "jax.Array", labels: "jax.Array") -> "jax.Array":
        """Returns each example's cross-entropy; see the base class."""
        from jaxletters.evaluation import losses

        return losses.cross_entropy(logits, labels, self.label_smoothing)

    def penalty(self, params: Any) -> "jax.Array":
        """Returns the penalties of the kernels."""
        from jaxletters.evaluation import losses

        return losses.penalty(params, self)


@dataclasses.dataclass(frozen=True)
class ScheduleConfig(Schedule):
    """How the learning rate changes over the run.

    Attributes:
        name: "constant"; "cosine" to zero; "one_cycle": straight up during the warm-up, straight down
            to zero after it; "step": times `factor` at each milestone.
        warmup: share of the run during which the rate rises linearly from zero.
        milestones: for "step": shares of the run, rising.
        factor: for "step".
    """

    name: str = setting("constant", choices=SCHEDULES)
    warmup: float = setting(0.0, low=0, high=0.999999)
    milestones: tuple[float, ...] = setting((0.5, 0.75), low=0, high=1)
    factor: float = setting(0.1, low=1e-12, high=1)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if list(self.milestones) != sorted(set(self.milestones)):
            yield f"milestones: expected rising, found {self.milestones}"

    def build(self, peak: float, total_steps: int) -> "optax.Schedule":
        """Returns the learning rate as a function of the step."""
        from jaxletters.training import optimizers

        return optimizers.schedule(peak, self, total_steps)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(Optimizer):
    """An Optax optimizer.

    Attributes:
        name: one of OPTIMIZERS.
        learning_rate: its peak.
        momentum: for "momentum" and "nesterov"; the others have their usual ones.
        weight_decay: of kernels only (not BatchNorm, not biases), times the learning rate; decoupled with
            "adamw" and "muon", part of the gradient with the first three.
        clip_norm: largest global norm of the gradient; 0 for no clipping.
        schedule: how the rate changes.
    """

    name: str = setting("adam", choices=OPTIMIZERS)
    learning_rate: float = setting(1e-3, low=1e-12, high=10**6)
    momentum: float = setting(0.9, low=0, high=0.999999)
    weight_decay: float = setting(0.0, low=0)
    clip_norm: float = setting(0.0, low=0)
    schedule: Schedule = ScheduleConfig()

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if self.weight_decay and self.name in ("adam", "rmsprop"):
            yield f"weight_decay: {self.name} has none; set name=adamw, or use config.loss.l2"

    def build(self, total_steps: int) -> "optax.GradientTransformation":
        """Returns the transformation."""
        from jaxletters.training import optimizers

        return optimizers.transformation(self, self.rate(total_steps))


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Part):
    """How long and in what portions.

    Attributes:
        batch_size: examples per step, over all devices together.
        epochs: passes over the training examples; early stopping may end the run before.
        patience: evaluations without a better `monitor` after which training stops; 0 for never.
        min_delta: how much better counts as better for `patience`; the best weights are always the best.
        monitor: "accuracy", "loss" or the name of one of the config's metrics, on the validation examples.
        ema_decay: decay of the moving average of weights and BatchNorm statistics that is evaluated; 0 for
            none.
        max_skips: a step whose loss or gradient is not finite is skipped; after so many in a row the
            run goes back to the end of an epoch, and on with half the learning rate; each further
            time before it has come twice as far, to an earlier one.
        max_rollbacks: after so many of those, the next one ends the run with an error.
    """

    batch_size: int = setting(128, low=1, high=10**6)
    epochs: int = setting(10, low=1, high=10**6)
    patience: int = setting(0, low=0)
    min_delta: float = setting(0.0, low=0)
    monitor: str = "accuracy"
    ema_decay: float = setting(0.0, low=0, high=0.999999)
    max_skips: int = setting(10, low=1, high=10**6)
    max_rollbacks: int = setting(3, low=0, high=100)


@dataclasses.dataclass(frozen=True)
class CheckpointConfig(Part):
    """When to save, and where.

    A checkpoint is also saved at each best validation, and at the ends of epochs that a diverging run may
    go back to, `training.max_rollbacks` + 1 of which are kept beside the newest `max_to_keep`.

    Attributes:
        every_steps: steps between two checkpoints.
        max_to_keep: how many are kept.
        mirror: a folder, perhaps on a disk that can go away, that gets a copy of the run folder while
            the run is at work, and from which a new machine begins; empty for none.
        give_up_after: how long the disk of the run folder, or of its mirror, may be away before the run
            leaves: "10m", "1h30m".
    """

    every_steps: int = setting(500, low=1, high=10**9)
    max_to_keep: int = setting(3, low=1, high=10**6)
    mirror: str = ""
    give_up_after: str = setting("10m", duration=True, required=True)

"""The schema of an experiment: frozen dataclasses."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxletters.config.parts import (
    Augmentation,
    Loss,
    Metric,
    ModelConfig,
    Observer,
    Optimizer,
    Part,
    Schedule,
    Source,
    setting,
)
from jaxletters.config.sources import SketchLetters, Split

if TYPE_CHECKING:
    import jax
    import optax
    from flax import linen as nn

ACTIVATIONS = ("relu", "elu", "gelu", "leaky_relu", "selu", "silu", "tanh")
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_normal",
    "orthogonal",
)
POOLINGS = ("max", "avg", "stride")
PADDINGS = ("same", "valid")
NORM_POSITIONS = ("before_activation", "after_pooling")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
MONITORS = ("accuracy", "loss")
BUDGETS = ("full", "quick")


@dataclasses.dataclass(frozen=True)
class MLPConfig(ModelConfig):
    """Fully connected layers on the flattened image (Chollet, Deep Learning with Python, section 2.1)."""

    hidden: tuple[int, ...] = setting((512,), low=1, high=10**6)
    activation: str = setting("relu", choices=ACTIVATIONS)

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.mlp import MLP

        return MLP(config=self, num_classes=num_classes)


@dataclasses.dataclass(frozen=True)
class SimpleConvNetConfig(ModelConfig):
    """Two 3x3 convolutions, each max-pooled, dropout, one dense layer (keras.io, Simple MNIST convnet)."""

    widths: tuple[int, ...] = setting((32, 64), low=1, high=10**5)
    dropout: float = setting(0.5, low=0, high=0.999999)

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.convnets import SimpleConvNet

        return SimpleConvNet(config=self, num_classes=num_classes)


@dataclasses.dataclass(frozen=True)
class ConvNetConfig(ModelConfig):
    """Three 3x3 convolutions with max-pooling between (Chollet, Deep Learning with Python, section 8.1)."""

    widths: tuple[int, ...] = setting((32, 64, 128), low=1, high=10**5)

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.convnets import ConvNet

        return ConvNet(config=self, num_classes=num_classes)


@dataclasses.dataclass(frozen=True)
class DeeperConfig(ModelConfig):
    """Stages of convolutions, each ending in a pooling by two, then dense layers.

    Attributes:
        widths: channels of each stage; their number is the number of stages.
        kernel_sizes: kernel edge of each stage, in pixels.
        depths: convolutions of each stage.
        activation: one of ACTIVATIONS.
        initializer: one of INITIALIZERS, for every kernel.
        pooling: "max", "avg", or "stride": the stage's last convolution strides by two instead.
        padding: "same" or "valid", of every convolution.
        batch_norm: whether there is BatchNorm.
        norm_position: "before_activation" of each convolution, or once a stage, "after_pooling".
        hidden: widths of the dense layers between the last stage and the logits.
        dropout: share of inputs dropped before each dense layer, the logits' included.
    """

    widths: tuple[int, ...] = setting((32, 64, 128), low=1, high=10**5)
    kernel_sizes: tuple[int, ...] = setting((3, 3, 3), low=1, high=28)
    depths: tuple[int, ...] = setting((1, 2, 2), low=1, high=100)
    activation: str = setting("relu", choices=ACTIVATIONS)
    initializer: str = setting("he_normal", choices=INITIALIZERS)
    pooling: str = setting("max", choices=POOLINGS)
    padding: str = setting("same", choices=PADDINGS)
    batch_norm: bool = True
    norm_position: str = setting("before_activation", choices=NORM_POSITIONS)
    hidden: tuple[int, ...] = setting((), low=1, high=10**6)
    dropout: float = setting(0.0, low=0, high=0.999999)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if len({len(self.widths), len(self.kernel_sizes), len(self.depths)}) > 1:
            yield (
                "widths, kernel_sizes and depths: expected one value per stage in each, found "
                f"{self.widths}, {self.kernel_sizes}, {self.depths}"
            )

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.convnets import Deeper

        return Deeper(config=self, num_classes=num_classes)


@dataclasses.dataclass(frozen=True)
class LetterNetConfig(ModelConfig):
    """A small residual network: a stem at full size, then stages that each halve it, then an average.

    Attributes:
        widths: channels of the stem and of each stage after it.
        blocks: residual blocks of each stage.
        crop: pixels cut off every side; EMNIST's images are blank there, and what is not computed there
            takes no time.
        dropout: share of the averaged features dropped before the logits.
    """

    widths: tuple[int, ...] = setting((32, 48, 96, 144), low=1, high=10**5)
    blocks: int = setting(1, low=1, high=100)
    crop: int = setting(2, low=0, high=13)
    dropout: float = setting(0.0, low=0, high=0.999999)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if not self.widths:
            yield "widths: expected the stem's and one for each stage, found none; add one"

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.letternet import LetterNet

        return LetterNet(config=self, num_classes=num_classes)


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


@dataclasses.dataclass(frozen=True)
class BaseConfig(Part):
    """A finished run whose weights another one begins with.

    Attributes:
        config: the config file that trains it; empty to begin with fresh weights.
        workdir: its run folder; empty for `checkpoints/<config's name>`.
        take: a regular expression: arrays are taken whose path, such as "stage1_conv1/kernel", matches
            it from the beginning.
    """

    config: str = ""
    workdir: str = setting("", identity=False)
    take: str = ".*"


@dataclasses.dataclass(frozen=True)
class StageConfig(Part):
    """A part of a run that trains some of the weights only.

    Attributes:
        trainable: a regular expression: parameters are trained whose path matches it from the
            beginning; all others stay as they are, BatchNorm's running statistics among them.
        epochs: passes over the training examples.
        optimizer: new in every stage.
    """

    trainable: str = ".*"
    epochs: int = setting(10, low=1, high=10**6)
    optimizer: Optimizer = OptimizerConfig()


@dataclasses.dataclass(frozen=True)
class Config:
    """A run: train on one dataset, test once.

    Attributes:
        seed: of everything random, 0 <= seed < 2**32.
        dataset: the images.
        split: which of them are held out.
        base: where the first weights come from.
        augment: random changes of the training images, of a tuple one after the other.
        stages: one after another, each begins with the best weights of the one before; where there are
            any, they stand in for `optimizer` and `training.epochs`.
        metrics: further figures of the validation and test examples.
        observers: what is told of records and the result.
        log_every_steps: how often training loss and accuracy are written down.
        test_shift: in pixels; if not 0, accuracy is also given for the mean over each test image and
            itself moved by so many up, down, left and right.
        time_limit: saves and leaves after so long, as at a signal: "5h", "90m", "1h30m"; empty for never.
        profile: whether some steps are traced, into the run folder's "profile", for XProf or Perfetto.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    dataset: Source = SketchLetters()
    split: Split = Split()
    model: ModelConfig = DeeperConfig()
    augment: Augmentation | tuple[Augmentation, ...] = AugmentConfig()
    loss: Loss = LossConfig()
    optimizer: Optimizer = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = setting(CheckpointConfig(), identity=False)
    base: BaseConfig = BaseConfig()
    stages: tuple[StageConfig, ...] = ()
    metrics: tuple[Metric, ...] = ()
    observers: tuple[Observer, ...] = setting((), identity=False)
    log_every_steps: int = setting(100, low=1, high=10**9)
    test_shift: int = setting(0, low=0, high=10)
    time_limit: str = setting("", duration=True, identity=False)
    profile: bool = setting(False, identity=False)


@dataclasses.dataclass(frozen=True)
class CrossvalConfig(Config):
    """The run of a Config once for each fold: trained on all other folds, tested on this one."""

    folds: int = setting(10, low=2, high=10**6)


@dataclasses.dataclass(frozen=True)
class VariationConfig(Part):
    """One row of a sweep.

    Attributes:
        technique: what is varied, such as "optimizer".
        name: how, such as "rmsprop"; the trial's folder is named so.
        overrides: settings as on the command line, such as "optimizer.name=rmsprop".
    """

    technique: str = ""
    name: str = ""
    overrides: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class SweepConfig(Config):
    """The run of a Config, the baseline, and one more for each variation of it."""

    variations: tuple[VariationConfig, ...] = ()


@dataclasses.dataclass(frozen=True)
class ZeroShotConfig(Part):
    """A finished run's network on another dataset, without any training.

    Attributes:
        seed: of the folds, as in a CrossvalConfig.
        folds: accuracy is given for each of so many folds, too, as cross-validation would make them.
        dataset: its test split is read, or all of it where there is none.
        base: the finished run.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    folds: int = setting(10, low=2, high=10**6)
    dataset: Source = SketchLetters()
    base: BaseConfig = BaseConfig()


@dataclasses.dataclass(frozen=True)
class EntryConfig(Part):
    """One experiment of a study.

    Attributes:
        file: its config file.
        reference: the accuracy in percent to set beside its own; 0 where there is none.
    """

    file: str = ""
    reference: float = setting(0.0, low=0)


@dataclasses.dataclass(frozen=True)
class StudyConfig(Part):
    """Many experiments, one after another, and one table of them.

    Attributes:
        budget: "full" for every experiment as its config says, "quick" for a few minutes of each.
        experiments: in the order of the table; an experiment's base comes before it.
        time_limit: as in a Config, of all together.
    """

    budget: str = setting("full", choices=BUDGETS)
    experiments: tuple[EntryConfig, ...] = ()
    time_limit: str = setting("", duration=True, identity=False)


Experiment = Config | ZeroShotConfig | StudyConfig
"""What a config file may describe; a CrossvalConfig and a SweepConfig are Configs, too."""


def cross_validated(config: Config, folds: int) -> CrossvalConfig:
    """Returns the cross-validation of a run, on all of its dataset."""
    whole = dataclasses.replace(config.split, test_share=0.0)
    return CrossvalConfig(**{**vars(config), "split": whole}, folds=folds)


def plain(config: Config) -> Config:
    """Returns the Config that a CrossvalConfig or SweepConfig is about."""
    return Config(**{f.name: getattr(config, f.name) for f in dataclasses.fields(Config)})


def grid(technique: str, settings: Mapping[str, Sequence[Any]]) -> tuple[VariationConfig, ...]:
    """Returns the variations of a grid: every combination of one value for each of the settings.

    Where one setting varies, the values are names enough.
    """
    combinations = itertools.product(*([(k, v) for v in values] for k, values in settings.items()))
    return tuple(
        VariationConfig(
            technique=technique,
            name=" ".join(
                f"{key.rpartition('.')[2]}={value}" if len(settings) > 1 else str(value)
                for key, value in chosen
            ),
            overrides=tuple(f"{key}={value}" for key, value in chosen),
        )
        for chosen in combinations
    )

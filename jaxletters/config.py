"""The schema of an experiment: frozen dataclasses."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

# Fields that say where things lie, how often they are saved or shown: they do not change the numbers.
# What lies there is identified by its content, in the run's manifest.
NOT_IDENTITY: dict[str, Any] = {"identity": False}
# Fields that came later: at their default a run is the same experiment as one from before them.
ADDED: dict[str, Any] = {"added": True}

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
DATASETS = ("emnist_letters", "mnist", "alpha_letters", "sketch_letters")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
MONITORS = ("accuracy", "loss")
RESIZINGS = ("none", "area", "bilinear")
TEST_ON = ("test", "validation")
BUDGETS = ("full", "quick")


@dataclasses.dataclass(frozen=True)
class DatasetConfig:
    """Which images, and where their files come from.

    Attributes:
        name: one of DATASETS.
        archives: a folder with the original archives: the dataset is prepared from these files, also
            where it was prepared from others before; empty to use what is prepared, or else the
            environment variable JAXLETTERS_ARCHIVES.
        data_dir: TFDS's folder of prepared datasets; empty for TFDS's own default.
        npz: a file with the same dataset as arrays, to be read instead; empty for none.
        size: `sketch_letters` only: how many training examples to draw (a fifth as many to test).
        limit: the most training examples to use, drawn from all classes alike; 0 for all there are.
        validation_per_class: examples held out of each class of the training split, at most one sixth;
            with 0, or where none can be, nothing is validated and the last weights count. Of an `npz` with
            validation examples of its own, those are all used instead, and `limit` leaves them alone.
        test_share: share of each class to test on, for a dataset that has no test split.
        test_on: one of TEST_ON: "validation" tests on the validation examples, so that settings can be
            chosen without a look at the test split.
        resize: one of RESIZINGS: how images are brought to EMNIST's 28x28 with a margin of 2; "none"
            leaves them as they are.
    """

    name: str = "sketch_letters"
    archives: str = field(default="", metadata=NOT_IDENTITY)
    data_dir: str = field(default="", metadata=NOT_IDENTITY)
    npz: str = field(default="", metadata=NOT_IDENTITY)
    size: int = 0
    limit: int = field(default=0, metadata=ADDED)
    validation_per_class: int = 800
    test_share: float = field(default=0.0, metadata=ADDED)
    test_on: str = field(default="test", metadata=ADDED)
    resize: str = field(default="none", metadata=ADDED)


@dataclasses.dataclass(frozen=True)
class MLPConfig:
    """Fully connected layers on the flattened image (Chollet, Deep Learning with Python, section 2.1)."""

    name: str = "mlp"
    hidden: tuple[int, ...] = (512,)
    activation: str = "relu"


@dataclasses.dataclass(frozen=True)
class SimpleConvNetConfig:
    """Two 3x3 convolutions, each max-pooled, dropout, one dense layer (keras.io, Simple MNIST convnet)."""

    name: str = "simple_convnet"
    widths: tuple[int, ...] = (32, 64)
    dropout: float = 0.5


@dataclasses.dataclass(frozen=True)
class ConvNetConfig:
    """Three 3x3 convolutions with max-pooling between (Chollet, Deep Learning with Python, section 8.1)."""

    name: str = "convnet"
    widths: tuple[int, ...] = (32, 64, 128)


@dataclasses.dataclass(frozen=True)
class DeeperConfig:
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

    name: str = "deeper"
    widths: tuple[int, ...] = (32, 64, 128)
    kernel_sizes: tuple[int, ...] = (3, 3, 3)
    depths: tuple[int, ...] = (1, 2, 2)
    activation: str = "relu"
    initializer: str = "he_normal"
    pooling: str = "max"
    padding: str = "same"
    batch_norm: bool = True
    norm_position: str = "before_activation"
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class LetterNetConfig:
    """A small residual network: a stem at full size, then stages that each halve it, then an average.

    Attributes:
        widths: channels of the stem and of each stage after it.
        blocks: residual blocks of each stage.
        crop: pixels cut off every side; EMNIST's images are blank there, and what is not computed there
            takes no time.
        dropout: share of the averaged features dropped before the logits.
    """

    name: str = "letternet"
    widths: tuple[int, ...] = (32, 48, 96, 144)
    blocks: int = 1
    crop: int = 2
    dropout: float = 0.0


ModelConfig = MLPConfig | SimpleConvNetConfig | ConvNetConfig | DeeperConfig | LetterNetConfig
MODEL_CONFIGS: dict[str, type[ModelConfig]] = {
    "mlp": MLPConfig,
    "simple_convnet": SimpleConvNetConfig,
    "convnet": ConvNetConfig,
    "deeper": DeeperConfig,
    "letternet": LetterNetConfig,
}


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
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

    rotation: float = 0.0
    shear: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    elastic: float = field(default=0.0, metadata=ADDED)
    stroke: float = field(default=0.0, metadata=ADDED)
    low_resolution: float = field(default=0.0, metadata=ADDED)
    erase: int = field(default=0, metadata=ADDED)


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Cross-entropy and its penalties.

    Attributes:
        label_smoothing: probability spread evenly over all classes.
        l1: factor of the sum of absolute kernel values.
        l2: factor of the sum of squared kernel values.
        prior: how much of what is due to some classes being more frequent in training is taken out of
            what the network learns: 1 for all of it, as if all were equally frequent.
    """

    label_smoothing: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    prior: float = field(default=0.0, metadata=ADDED)


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate changes over the run.

    Attributes:
        name: "constant"; "cosine" to zero; "one_cycle": straight up during the warm-up, straight down
            to zero after it; "step": times `factor` at each milestone.
        warmup: share of the run during which the rate rises linearly from zero.
        milestones: for "step": shares of the run, rising.
        factor: for "step".
    """

    name: str = "constant"
    warmup: float = 0.0
    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
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

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    schedule: ScheduleConfig = ScheduleConfig()


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long and in what portions.

    Attributes:
        batch_size: examples per step, over all devices together.
        epochs: passes over the training examples; early stopping may end the run before.
        patience: evaluations without a better `monitor` after which training stops; 0 for never.
        min_delta: how much better counts as better for `patience`; the best weights are always the best.
        monitor: "accuracy" or "loss", on the validation examples.
        ema_decay: decay of the moving average of weights and BatchNorm statistics that is evaluated; 0 for
            none.
        max_skips: a step whose loss or gradient is not finite is skipped; after so many in a row the
            run goes back to the end of an epoch, and on with half the learning rate; each further
            time before it has come twice as far, to an earlier one.
        max_rollbacks: after so many of those, the next one ends the run with an error.
    """

    batch_size: int = 128
    epochs: int = 10
    patience: int = 0
    min_delta: float = 0.0
    monitor: str = "accuracy"
    ema_decay: float = 0.0
    max_skips: int = field(default=10, metadata=ADDED)
    max_rollbacks: int = field(default=3, metadata=ADDED)


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
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

    every_steps: int = 500
    max_to_keep: int = 3
    mirror: str = ""
    give_up_after: str = "10m"


@dataclasses.dataclass(frozen=True)
class BaseConfig:
    """A finished run whose weights another one begins with.

    Attributes:
        config: the config file that trains it; empty to begin with fresh weights.
        workdir: its run folder; empty for `checkpoints/<config's name>`.
        take: a regular expression: arrays are taken whose path, such as "stage1_conv1/kernel", matches
            it from the beginning.
    """

    config: str = field(default="", metadata=ADDED)
    workdir: str = field(default="", metadata=NOT_IDENTITY)
    take: str = field(default=".*", metadata=ADDED)


@dataclasses.dataclass(frozen=True)
class StageConfig:
    """A part of a run that trains some of the weights only.

    Attributes:
        trainable: a regular expression: parameters are trained whose path matches it from the
            beginning; all others stay as they are, BatchNorm's running statistics among them.
        epochs: passes over the training examples.
        optimizer: new in every stage.
    """

    trainable: str = ".*"
    epochs: int = 10
    optimizer: OptimizerConfig = OptimizerConfig()


@dataclasses.dataclass(frozen=True)
class Config:
    """A run: train on one dataset, test once.

    Attributes:
        seed: of everything random, 0 <= seed < 2**32.
        base: where the first weights come from.
        stages: one after another, each begins with the best weights of the one before; where there are
            any, they stand in for `optimizer` and `training.epochs`.
        log_every_steps: how often training loss and accuracy are written down.
        test_shift: in pixels; if not 0, accuracy is also given for the mean over each test image and
            itself moved by so many up, down, left and right.
        time_limit: saves and leaves after so long, as at a signal: "5h", "90m", "1h30m"; empty for never.
        profile: whether some steps are traced, into the run folder's "profile", for XProf or Perfetto.
    """

    seed: int = 0
    dataset: DatasetConfig = DatasetConfig()
    model: ModelConfig = DeeperConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = field(default=CheckpointConfig(), metadata=NOT_IDENTITY)
    base: BaseConfig = BaseConfig()
    stages: tuple[StageConfig, ...] = field(default=(), metadata=ADDED)
    log_every_steps: int = 100
    test_shift: int = field(default=0, metadata=ADDED)
    time_limit: str = field(default="", metadata=NOT_IDENTITY)
    profile: bool = field(default=False, metadata=NOT_IDENTITY)


@dataclasses.dataclass(frozen=True)
class CrossvalConfig(Config):
    """The run of a Config once for each fold: trained on all other folds, tested on this one."""

    folds: int = 10


@dataclasses.dataclass(frozen=True)
class VariationConfig:
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
class ZeroShotConfig:
    """A finished run's network on another dataset, without any training.

    Attributes:
        seed: of the folds, as in a CrossvalConfig.
        folds: accuracy is given for each of so many folds, too, as cross-validation would make them.
        dataset: its test split is read, or all of it where there is none.
        base: the finished run.
    """

    seed: int = 0
    folds: int = 10
    dataset: DatasetConfig = DatasetConfig()
    base: BaseConfig = BaseConfig()


@dataclasses.dataclass(frozen=True)
class EntryConfig:
    """One experiment of a study.

    Attributes:
        file: its config file.
        reference: the accuracy in percent to set beside its own; 0 where there is none.
    """

    file: str = ""
    reference: float = 0.0


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Many experiments, one after another, and one table of them.

    Attributes:
        budget: "full" for every experiment as its config says, "quick" for a few minutes of each.
        experiments: in the order of the table; an experiment's base comes before it.
        time_limit: as in a Config, of all together.
    """

    budget: str = "full"
    experiments: tuple[EntryConfig, ...] = ()
    time_limit: str = field(default="", metadata=NOT_IDENTITY)


Experiment = Config | ZeroShotConfig | StudyConfig
"""What a config file may describe; a CrossvalConfig and a SweepConfig are Configs, too."""


def cross_validated(config: Config, folds: int) -> CrossvalConfig:
    """Returns the cross-validation of a run, on all of its dataset."""
    whole = dataclasses.replace(config.dataset, test_share=0.0)
    return CrossvalConfig(**{**vars(config), "dataset": whole}, folds=folds)


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

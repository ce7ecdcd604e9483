"""The schema of an experiment: frozen dataclasses."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

# Fields that say where things lie, how often they are saved or shown: they do not change the numbers.
NOT_IDENTITY: dict[str, Any] = {"identity": False}

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
OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
MONITORS = ("accuracy", "loss")


@dataclasses.dataclass(frozen=True)
class DatasetConfig:
    """Which images, and where their files come from.

    Attributes:
        name: one of DATASETS.
        archives: a folder with the original archives, searched before the environment variable
            JAXLETTERS_ARCHIVES; empty to use that variable alone.
        data_dir: TFDS's folder of prepared datasets; empty for TFDS's own default.
        size: `sketch_letters` only: how many training examples to draw (a fifth as many to test).
        validation_per_class: examples held out of each class of the training split, at most one sixth.
    """

    name: str = "sketch_letters"
    archives: str = field(default="", metadata=NOT_IDENTITY)
    data_dir: str = field(default="", metadata=NOT_IDENTITY)
    size: int = 0
    validation_per_class: int = 800


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


ModelConfig = MLPConfig | SimpleConvNetConfig | ConvNetConfig | DeeperConfig
MODEL_CONFIGS: dict[str, type[ModelConfig]] = {
    "mlp": MLPConfig,
    "simple_convnet": SimpleConvNetConfig,
    "convnet": ConvNetConfig,
    "deeper": DeeperConfig,
}


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How far training images are moved at random; all zero is no augmentation.

    Attributes:
        rotation: largest angle, in degrees.
        shear: largest horizontal shear, as a fraction of the height.
        scale: largest relative change of size.
        shift: largest shift along each axis, in pixels.
    """

    rotation: float = 0.0
    shear: float = 0.0
    scale: float = 0.0
    shift: float = 0.0


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Cross-entropy and its penalties.

    Attributes:
        label_smoothing: probability spread evenly over all classes.
        l1: factor of the sum of absolute kernel values.
        l2: factor of the sum of squared kernel values.
    """

    label_smoothing: float = 0.0
    l1: float = 0.0
    l2: float = 0.0


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
        momentum: for "momentum" and "nesterov".
        weight_decay: decoupled, times the learning rate; kernels only (not BatchNorm, not biases).
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
        min_delta: how much better counts as better.
        monitor: "accuracy" or "loss", on the validation examples.
        ema_decay: decay of the moving average of the weights that is evaluated; 0 for none.
    """

    batch_size: int = 128
    epochs: int = 10
    patience: int = 0
    min_delta: float = 0.0
    monitor: str = "accuracy"
    ema_decay: float = 0.0


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
    """When to save, and how many checkpoints to keep; one is also saved at each best validation."""

    every_steps: int = 500
    max_to_keep: int = 3


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole experiment.

    Attributes:
        seed: of everything random, 0 <= seed < 2**32.
        log_every_steps: how often training loss and accuracy are written down.
    """

    seed: int = 0
    dataset: DatasetConfig = DatasetConfig()
    model: ModelConfig = DeeperConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = field(default=CheckpointConfig(), metadata=NOT_IDENTITY)
    log_every_steps: int = 100


def leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """Yields (dotted key, field, value) of every setting, depth first, in the order of declaration."""
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{f.name}.")
        else:
            yield f"{prefix}{f.name}", f, value


def from_dict(values: Mapping[str, Any], like: Any) -> Any:
    """Returns a copy of the dataclass `like` with the values of a nested mapping of the same keys.

    Whole numbers become floats, and lists tuples, where that is what a setting is declared to be.
    """
    changes = {}
    for f in dataclasses.fields(like):
        old, new = getattr(like, f.name), values[f.name]
        changes[f.name] = (
            from_dict(new, old) if dataclasses.is_dataclass(old) else _as_declared(new, f.type)
        )
    return dataclasses.replace(like, **changes)


def _as_declared(value: Any, declared: Any) -> Any:
    if declared is float and type(value) is int and abs(value) <= 2**53:  # beyond: not exact
        return float(value)
    if typing.get_origin(declared) is tuple and isinstance(value, list | tuple):
        return tuple(_as_declared(item, typing.get_args(declared)[0]) for item in value)
    return value

"""The five networks, the images they see, and their layers in terms that every library has."""

import dataclasses
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxletters.config.models import ConvNetConfig, DeeperConfig, SimpleConvNetConfig
from jaxletters.config.slots import ModelConfig

ROOT = Path(__file__).parents[2]
CLASSES = 27
EDGE = 28
"""Height and width of the images, in pixels."""
BATCHES = 8
"""How many different batches there are; they are used in turns."""
LEARNING_RATE = 1e-3


def _model(config: str) -> ModelConfig:
    """Returns the network of a config file."""
    return runpy.run_path(str(ROOT / "configs" / f"{config}.py"))["get_config"]().model


NETWORKS: dict[str, tuple[str, ModelConfig]] = {
    "simple_convnet": ("Keras' simple convnet", SimpleConvNetConfig()),
    "convnet": ("Chollet's convnet", ConvNetConfig()),
    "notebook": ("the notebook's deeper net", _model("emnist_notebook")),
    # Simonyan and Zisserman (2014), configuration B. Its last two stages share one pooling, because
    # 28 pixels can be halved only four times.
    "vgg": (
        "a 10-convolution VGG",
        DeeperConfig(widths=(64, 128, 256, 512), kernel_sizes=(3, 3, 3, 3), depths=(2, 2, 2, 4)),
    ),
    "emnist_deeper": ("`emnist_deeper`", _model("emnist_deeper")),
}


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution with square kernels; `same` pads as XLA does: what is odd goes below and right."""

    width: int
    edge: int
    same: bool
    bias: bool
    stride: int = 1


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """Normalisation of every channel over batch and positions, with scale and offset."""


@dataclasses.dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclasses.dataclass(frozen=True)
class MaxPool:
    """The maximum of every 2x2 block; an odd last row or column is left out."""


@dataclasses.dataclass(frozen=True)
class Flatten:
    """One vector per image."""


@dataclasses.dataclass(frozen=True)
class Dropout:
    """Drops a share of the inputs while training."""

    rate: float


@dataclasses.dataclass(frozen=True)
class Dense:
    """A fully connected layer with bias."""

    width: int


Layer = Conv | BatchNorm | Relu | MaxPool | Flatten | Dropout | Dense


def layers(network: str) -> tuple[Layer, ...]:
    """Returns the layers of one of NETWORKS, from the image to the logits."""
    _, config = NETWORKS[network]
    if isinstance(config, DeeperConfig):
        convolutions = tuple(_deeper(config))
    elif isinstance(config, SimpleConvNetConfig):
        convolutions = tuple(
            layer
            for width in config.widths
            for layer in (Conv(width, 3, same=False, bias=True), Relu(), MaxPool())
        )
    else:
        assert isinstance(config, ConvNetConfig)
        convolutions = tuple(
            layer
            for width in config.widths
            for layer in (MaxPool(), Conv(width, 3, same=False, bias=True), Relu())
        )[1:]
    dropout = () if isinstance(config, ConvNetConfig) else (Dropout(config.dropout),)
    return (*convolutions, Flatten(), *(d for d in dropout if d.rate), Dense(CLASSES))


def _deeper(c: DeeperConfig) -> Iterator[Layer]:
    assert c.activation == "relu"
    assert c.pooling in ("max", "stride")
    assert c.batch_norm
    assert not c.hidden
    norm_last = c.norm_position == "after_pooling"
    for width, edge, depth in zip(c.widths, c.kernel_sizes, c.depths, strict=True):
        for i in range(1, depth + 1):
            stride = 2 if c.pooling == "stride" and i == depth else 1
            yield Conv(width, edge, same=c.padding == "same", bias=norm_last, stride=stride)
            if not norm_last:
                yield BatchNorm()
            yield Relu()
        if c.pooling == "max":
            yield MaxPool()
        if norm_last:
            yield BatchNorm()


def examples(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns BATCHES batches: uint8 images `[n, 28, 28]` and int32 labels `[n]`."""
    generator = np.random.default_rng(0)
    n = BATCHES * batch
    images = generator.integers(0, 256, (n, EDGE, EDGE), np.uint8)
    return images, generator.integers(0, CLASSES, n, np.int32)

"""The settings of the networks of this package."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxletters.config.parts import setting
from jaxletters.config.slots import ModelConfig

if TYPE_CHECKING:
    from flax import linen as nn

ACTIVATIONS = ("relu", "elu", "gelu", "leaky_relu", "selu", "silu", "tanh")
INITIALIZERS = (
    *("glorot_uniform", "glorot_normal", "he_uniform", "he_normal"),
    *("lecun_normal", "orthogonal"),
)
POOLINGS = ("max", "avg", "stride")
PADDINGS = ("same", "valid")
NORM_POSITIONS = ("before_activation", "after_pooling")


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
    """Stages of convolutions that each end with a pooling by two, then dense layers.

    Attributes:
        widths: channels of each stage, one value per stage.
        kernel_sizes: kernel edge of each stage, in pixels.
        depths: number of convolutions of each stage.
        activation: one of ACTIVATIONS.
        initializer: one of INITIALIZERS, for every kernel.
        pooling: "max", "avg", or "stride": the last convolution of the stage has a stride of two instead.
        padding: "same" or "valid", of every convolution.
        batch_norm: whether the network has BatchNorm.
        norm_position: "before_activation" of each convolution, or once per stage, "after_pooling".
        hidden: widths of the dense layers between the last stage and the logits.
        dropout: share of inputs dropped before each dense layer, including that of the logits.
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
        """Yields conflicts between settings."""
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
    """A small residual network: a stem at full size, stages that each halve the size, a global average.

    Attributes:
        widths: channels of the stem and of each stage after it.
        blocks: number of residual blocks of each stage.
        crop: pixels cut off every side to save time; the margin of EMNIST's images is blank.
        dropout: share of the averaged features dropped before the logits.
    """

    widths: tuple[int, ...] = setting((32, 48, 96, 144), low=1, high=10**5)
    blocks: int = setting(1, low=1, high=100)
    crop: int = setting(2, low=0, high=13)
    dropout: float = setting(0.0, low=0, high=0.999999)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.widths:
            yield "widths: expected one for the stem and one for each stage, found no width; add one"

    def build(self, num_classes: int) -> "nn.Module":
        """Returns the network."""
        from jaxletters.models.letternet import LetterNet

        return LetterNet(config=self, num_classes=num_classes)

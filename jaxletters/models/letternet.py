"""A small residual network for letters: high accuracy for few multiply-adds."""

import jax
from flax import linen as nn

from jaxletters.config.models import LetterNetConfig
from jaxletters.models.layers import BatchNorm, Conv, dropout

_HE = nn.initializers.he_normal()


class LetterNet(nn.Module):
    """A 3x3 stem, stages of residual blocks, global average pooling, and the logits.

    The stem processes the images without their margin at full resolution; each stage halves it. A block
    adds two 3x3 convolutions with BatchNorm to its input (He et al., Deep Residual Learning, 2015, figure
    5 left). If the block halves the resolution, the input passes through a 1x1 convolution with BatchNorm
    first. The scale of the second BatchNorm is initialised to zero, so that a block starts as its shortcut
    (Goyal et al., Accurate, Large Minibatch SGD, 2017, section 5.1).
    """

    config: LetterNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        stem, *widths = self.config.widths
        crop, (batch, height, width, channels) = self.config.crop, images.shape
        # Not images[:, crop:-crop]: a gather in JAX 0.7, and in programs with a symbolic batch size.
        limits = (batch, height - crop, width - crop, channels)
        inner = jax.lax.slice(images, (0, crop, crop, 0), limits)
        x = self._conv(inner, stem, 3, 1, "stem_conv")
        x = nn.relu(BatchNorm(name="stem_norm")(x, train))
        for stage, width in enumerate(widths, 1):
            for block in range(1, self.config.blocks + 1):
                x = self._block(x, train, width, block == 1, f"stage{stage}_block{block}")
        x = x.mean((1, 2))
        x = dropout(x, self.config.dropout, train)
        return nn.Dense(self.num_classes, name="logits")(x)

    def _block(
        self, x: jax.Array, train: bool, width: int, downsample: bool, name: str
    ) -> jax.Array:
        stride = 2 if downsample else 1
        y = self._conv(x, width, 3, stride, f"{name}_conv1")
        y = nn.relu(BatchNorm(name=f"{name}_norm1")(y, train))
        y = self._conv(y, width, 3, 1, f"{name}_conv2")
        zero = nn.initializers.zeros_init()
        y = BatchNorm(scale_init=zero, name=f"{name}_norm2")(y, train)
        if downsample:
            x = self._conv(x, width, 1, stride, f"{name}_shortcut")
            x = BatchNorm(name=f"{name}_shortcut_norm")(x, train)
        return nn.relu(x + y)

    def _conv(self, x: jax.Array, width: int, edge: int, stride: int, name: str) -> jax.Array:
        return Conv(width, (edge, edge), stride, use_bias=False, kernel_init=_HE, name=name)(x)

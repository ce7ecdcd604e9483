"""Convolutional networks: Keras's and Chollet's as published, and a configurable deeper one."""

import jax
from flax import linen as nn

from jaxletters import ops
from jaxletters.config.models import ConvNetConfig, DeeperConfig, SimpleConvNetConfig
from jaxletters.models.layers import BatchNorm, Conv, activation, avg_pool, dropout

_GLOROT = nn.initializers.glorot_uniform()  # the default of Keras, which the published networks use

_INITIALIZERS = {
    "glorot_uniform": _GLOROT,
    "glorot_normal": nn.initializers.glorot_normal(),
    "he_uniform": nn.initializers.he_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
}

# Monotone activations commute with max-pooling.
_MONOTONE = ("relu", "elu", "leaky_relu", "selu", "tanh")


class SimpleConvNet(nn.Module):
    """3x3 convolutions, each with ReLU and max-pooling, then dropout (keras.io, Simple MNIST convnet)."""

    config: SimpleConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        x = images
        for i, width in enumerate(self.config.widths, 1):
            x = _conv_relu(x, width, pool=True, name=f"conv{i}")
        x = x.reshape(x.shape[0], -1)
        x = dropout(x, self.config.dropout, train)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


class ConvNet(nn.Module):
    """3x3 convolutions with max-pooling between them (Chollet, Deep Learning with Python, section 8.1)."""

    config: ConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:  # noqa: ARG002, one signature
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        x = images
        for i, width in enumerate(self.config.widths, 1):
            x = _conv_relu(x, width, pool=i < len(self.config.widths), name=f"conv{i}")
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


def _conv_relu(x: jax.Array, width: int, pool: bool, name: str) -> jax.Array:
    conv = Conv(width, (3, 3), padding="VALID", pool=pool, kernel_init=_GLOROT, name=name)
    return nn.relu(conv(x))


class Deeper(nn.Module):
    """Stages of convolutions with BatchNorm, each ending in 2x2 pooling, then dense layers."""

    config: DeeperConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        c = self.config
        kernel_init = _INITIALIZERS[c.initializer]
        activate = activation(c.activation)
        x = images
        stages = zip(c.widths, c.kernel_sizes, c.depths, strict=True)
        for stage, (width, edge, depth) in enumerate(stages, 1):
            for i in range(1, depth + 1):
                names = f"stage{stage}_conv{i}", f"stage{stage}_norm{i}"
                x = self._convolution(x, train, width, edge, i == depth, *names)
        x = x.reshape(x.shape[0], -1)
        for i, width in enumerate(c.hidden, 1):
            x = dropout(x, c.dropout, train)
            x = activate(nn.Dense(width, kernel_init=kernel_init, name=f"hidden{i}")(x))
        x = dropout(x, c.dropout, train)
        return nn.Dense(self.num_classes, kernel_init=kernel_init, name="logits")(x)

    def _convolution(
        self, x: jax.Array, train: bool, width: int, edge: int, last: bool, conv: str, norm: str
    ) -> jax.Array:
        """Applies a convolution, its BatchNorm and activation, and the pooling if it is a stage's last."""
        c = self.config
        norm_before = c.batch_norm and c.norm_position == "before_activation"
        norm_after = c.batch_norm and not norm_before and last
        max_pool = last and c.pooling == "max"
        # Pooling before the activation leaves a quarter of the values to the activation.
        pool_first = max_pool and c.activation in _MONOTONE
        x = Conv(
            width,
            (edge, edge),
            strides=2 if c.pooling == "stride" and last else 1,
            padding=c.padding.upper(),
            use_bias=not norm_before,
            pool=pool_first and not norm_before,
            kernel_init=_INITIALIZERS[c.initializer],
            name=conv,
        )(x)
        if norm_before:
            x = BatchNorm(name=norm)(x, train)
            if pool_first:
                x = ops.max_pool(x)
        x = activation(c.activation)(x)
        if max_pool and not pool_first:
            x = ops.max_pool(x)
        if last and c.pooling == "avg":
            x = avg_pool(x)
        return BatchNorm(name=norm)(x, train) if norm_after else x

"""Convolutional networks: Keras' and Chollet's as they are published, and a deeper one from the config."""

import jax
from flax import linen as nn

from jaxletters import ops
from jaxletters.config.models import ConvNetConfig, DeeperConfig, SimpleConvNetConfig
from jaxletters.models.layers import BatchNorm, Conv

_GLOROT = nn.initializers.glorot_uniform()  # Keras' default, which the published networks use

_INITIALIZERS = {
    "glorot_uniform": _GLOROT,
    "glorot_normal": nn.initializers.glorot_normal(),
    "he_uniform": nn.initializers.he_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
}


# Never falling, so that they may as well follow a max-pooling as precede it.
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
            x = nn.relu(
                Conv(
                    width, (3, 3), padding="VALID", pool=True, kernel_init=_GLOROT, name=f"conv{i}"
                )(x)
            )
        x = x.reshape(x.shape[0], -1)
        x = nn.Dropout(self.config.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


class ConvNet(nn.Module):
    """3x3 convolutions with max-pooling between (Chollet, Deep Learning with Python, section 8.1)."""

    config: ConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:  # noqa: ARG002, one signature
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        x = images
        for i, width in enumerate(self.config.widths, 1):
            pool = i < len(self.config.widths)
            x = nn.relu(
                Conv(
                    width, (3, 3), padding="VALID", pool=pool, kernel_init=_GLOROT, name=f"conv{i}"
                )(x)
            )
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


class Deeper(nn.Module):
    """Stages of convolutions with BatchNorm, each ending in a pooling by two, then dense layers."""

    config: DeeperConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w, c]` to float32 logits `[b, num_classes]`."""
        c = self.config
        kernel_init = _INITIALIZERS[c.initializer]
        activate = getattr(nn, c.activation)
        x = images
        for stage, (width, edge, depth) in enumerate(
            zip(c.widths, c.kernel_sizes, c.depths, strict=True), 1
        ):
            for i in range(1, depth + 1):
                last = i == depth
                norm = c.batch_norm and (c.norm_position == "before_activation" or last)
                before = norm and c.norm_position == "before_activation"
                pool = last and c.pooling == "max"
                early = pool and c.activation in _MONOTONE
                x = Conv(
                    width,
                    (edge, edge),
                    strides=2 if c.pooling == "stride" and last else 1,
                    padding=c.padding.upper(),
                    use_bias=not before,
                    pool=early and not before,
                    kernel_init=kernel_init,
                    name=f"stage{stage}_conv{i}",
                )(x)
                if before:
                    x = BatchNorm(name=f"stage{stage}_norm{i}")(x, train)
                    if early:
                        x = ops.max_pool(x)
                x = activate(x)
                if pool and not early:
                    x = ops.max_pool(x)
                if last and c.pooling == "avg":
                    x = nn.avg_pool(x, (2, 2), (2, 2))
                if norm and not before:
                    x = BatchNorm(name=f"stage{stage}_norm{i}")(x, train)
        x = x.reshape(x.shape[0], -1)
        for i, width in enumerate(c.hidden, 1):
            x = nn.Dropout(c.dropout, deterministic=not train)(x)
            x = activate(nn.Dense(width, kernel_init=kernel_init, name=f"hidden{i}")(x))
        x = nn.Dropout(c.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, kernel_init=kernel_init, name="logits")(x)

"""Convolutional networks: Keras' and Chollet's as they are published, and a deeper one from the config."""

import jax
from flax import linen as nn

from jaxletters.config import ConvNetConfig, DeeperConfig, SimpleConvNetConfig

_GLOROT = nn.initializers.glorot_uniform()  # Keras' default, which the published networks use

_INITIALIZERS = {
    "glorot_uniform": _GLOROT,
    "glorot_normal": nn.initializers.glorot_normal(),
    "he_uniform": nn.initializers.he_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
}


def _max_pool(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (2, 2), (2, 2))


class SimpleConvNet(nn.Module):
    """3x3 convolutions, each with ReLU and max-pooling, then dropout (keras.io, Simple MNIST convnet)."""

    config: SimpleConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w]` to float32 logits `[b, num_classes]`."""
        x = images[..., None]
        for i, width in enumerate(self.config.widths, 1):
            x = nn.Conv(width, (3, 3), padding="VALID", kernel_init=_GLOROT, name=f"conv{i}")(x)
            x = _max_pool(nn.relu(x))
        x = x.reshape(len(x), -1)
        x = nn.Dropout(self.config.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


class ConvNet(nn.Module):
    """3x3 convolutions with max-pooling between (Chollet, Deep Learning with Python, section 8.1)."""

    config: ConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:  # noqa: ARG002, one signature
        """Maps float32 images `[b, h, w]` to float32 logits `[b, num_classes]`."""
        x = images[..., None]
        for i, width in enumerate(self.config.widths, 1):
            x = x if i == 1 else _max_pool(x)
            x = nn.Conv(width, (3, 3), padding="VALID", kernel_init=_GLOROT, name=f"conv{i}")(x)
            x = nn.relu(x)
        x = x.reshape(len(x), -1)
        return nn.Dense(self.num_classes, kernel_init=_GLOROT, name="logits")(x)


class Deeper(nn.Module):
    """Stages of convolutions with BatchNorm, each ending in a pooling by two, then dense layers."""

    config: DeeperConfig
    num_classes: int

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Maps float32 images `[b, h, w]` to float32 logits `[b, num_classes]`."""
        c = self.config
        kernel_init = _INITIALIZERS[c.initializer]
        activate = getattr(nn, c.activation)
        x = images[..., None]
        for stage, (width, edge, depth) in enumerate(
            zip(c.widths, c.kernel_sizes, c.depths, strict=True), 1
        ):
            for i in range(1, depth + 1):
                x = nn.Conv(
                    width,
                    (edge, edge),
                    strides=2 if c.pooling == "stride" and i == depth else 1,
                    use_bias=not c.batch_norm,
                    kernel_init=kernel_init,
                    name=f"stage{stage}_conv{i}",
                )(x)
                if c.batch_norm:
                    x = nn.BatchNorm(not train, momentum=0.9, name=f"stage{stage}_norm{i}")(x)
                x = activate(x)
            if c.pooling != "stride":
                pool = nn.max_pool if c.pooling == "max" else nn.avg_pool
                x = pool(x, (2, 2), (2, 2))
        x = x.reshape(len(x), -1)
        for i, width in enumerate(c.hidden, 1):
            x = nn.Dropout(c.dropout, deterministic=not train)(x)
            x = activate(nn.Dense(width, kernel_init=kernel_init, name=f"hidden{i}")(x))
        x = nn.Dropout(c.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, kernel_init=kernel_init, name="logits")(x)

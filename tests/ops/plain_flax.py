"""The networks once more, of Flax's own layers and in the order in which they were published."""

import jax.numpy as jnp
from flax import linen as nn

from jaxletters.config.models import (
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    MLPConfig,
    SimpleConvNetConfig,
)
from jaxletters.core.types import Model, Variables
from jaxletters.models.mlp import MLP


def max_pool(x):
    return nn.max_pool(x, (2, 2), (2, 2))


class Published(nn.Module):
    config: SimpleConvNetConfig | ConvNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images, train):
        simple = isinstance(self.config, SimpleConvNetConfig)
        x = images[..., None]
        for i, width in enumerate(self.config.widths, 1):
            x = nn.relu(nn.Conv(width, (3, 3), padding="VALID", name=f"conv{i}")(x))
            if simple or i < len(self.config.widths):
                x = max_pool(x)
        x = x.reshape(len(x), -1)
        if simple:
            x = nn.Dropout(self.config.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, name="logits")(x)


class Stages(nn.Module):
    config: DeeperConfig
    num_classes: int

    @nn.compact
    def __call__(self, images, train):
        c = self.config
        activate = getattr(nn, c.activation)
        each = c.batch_norm and c.norm_position == "before_activation"
        after = c.batch_norm and c.norm_position == "after_pooling"

        def norm(stage, i):
            return nn.BatchNorm(not train, momentum=0.9, name=f"stage{stage}_norm{i}")

        x = images[..., None]
        for stage, (width, edge, depth) in enumerate(
            zip(c.widths, c.kernel_sizes, c.depths, strict=True), 1
        ):
            for i in range(1, depth + 1):
                strides = 2 if c.pooling == "stride" and i == depth else 1
                x = nn.Conv(
                    width,
                    (edge, edge),
                    strides,
                    c.padding.upper(),
                    use_bias=not each,
                    name=f"stage{stage}_conv{i}",
                )(x)
                x = activate(norm(stage, i)(x) if each else x)
            if c.pooling == "max":
                x = max_pool(x)
            elif c.pooling == "avg":
                x = nn.avg_pool(x, (2, 2), (2, 2))
            if after:
                x = norm(stage, c.depths[stage - 1])(x)
        x = x.reshape(len(x), -1)
        for i, width in enumerate(c.hidden, 1):
            x = nn.Dropout(c.dropout, deterministic=not train)(x)
            x = activate(nn.Dense(width, name=f"hidden{i}")(x))
        x = nn.Dropout(c.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, name="logits")(x)


class Residual(nn.Module):
    config: LetterNetConfig
    num_classes: int

    @nn.compact
    def __call__(self, images, train):
        def conv(x, width, edge, stride, name):
            return nn.Conv(width, (edge, edge), stride, use_bias=False, name=name)(x)

        def norm(x, name):
            return nn.BatchNorm(not train, momentum=0.9, name=name)(x)

        stem, *widths = self.config.widths
        c = self.config.crop
        if c:
            images = images[:, c:-c, c:-c]
        x = nn.relu(norm(conv(images[..., None], stem, 3, 1, "stem_conv"), "stem_norm"))
        for stage, width in enumerate(widths, 1):
            for block in range(1, self.config.blocks + 1):
                name, stride = f"stage{stage}_block{block}", 2 if block == 1 else 1
                y = nn.relu(norm(conv(x, width, 3, stride, f"{name}_conv1"), f"{name}_norm1"))
                y = norm(conv(y, width, 3, 1, f"{name}_conv2"), f"{name}_norm2")
                if block == 1:
                    short = conv(x, width, 1, stride, f"{name}_shortcut")
                    x = norm(short, f"{name}_shortcut_norm")
                x = nn.relu(x + y)
        x = nn.Dropout(self.config.dropout, deterministic=not train)(jnp.mean(x, (1, 2)))
        return nn.Dense(self.num_classes, name="logits")(x)


def build(config, num_classes):
    """What `models.build` returns, for weights that come from there."""
    kinds = {
        MLPConfig: MLP,
        SimpleConvNetConfig: Published,
        ConvNetConfig: Published,
        DeeperConfig: Stages,
        LetterNetConfig: Residual,
    }
    net = kinds[type(config)](config, num_classes)

    def apply(variables, images, *, train, key=None):
        logits, updated = net.apply(
            Variables(*variables)._asdict(),
            images[..., None] if isinstance(config, MLPConfig) else images,
            train=train,
            rngs={"dropout": key} if train else {},
            mutable=["batch_stats"],
        )
        return logits, updated.get("batch_stats", {})

    return Model(None, apply)

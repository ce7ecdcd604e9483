"""Networks by name, each as two pure functions; nothing outside this package knows about Flax."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxletters.config import ModelConfig
from jaxletters.models.convnets import ConvNet, Deeper, SimpleConvNet
from jaxletters.models.mlp import MLP
from jaxletters.types import Model, Tree, Variables

MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "simple_convnet": SimpleConvNet,
    "convnet": ConvNet,
    "deeper": Deeper,
}


def module(config: ModelConfig, num_classes: int) -> nn.Module:
    """Returns the Linen module that a config describes."""
    return MODELS[config.name](config=config, num_classes=num_classes)


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int]) -> Model:
    """Returns the network that a config describes, for images of one shape.

    Args:
        config: which network, and its sizes.
        num_classes: logits per image.
        image_shape: (height, width) in pixels.
    """
    net = module(config, num_classes)

    def init(key: jax.Array) -> Variables:
        variables = net.init(key, jnp.zeros((1, *image_shape)), train=False)
        return Variables(variables["params"], variables.get("batch_stats", {}))

    def apply(
        variables: Variables, images: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        # Flax's annotations cannot tell that `mutable` makes the result a pair.
        linen: Any = net
        if not train:
            return linen.apply(variables._asdict(), images, train=False), variables.batch_stats
        logits, updated = linen.apply(
            variables._asdict(), images, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
        )
        return logits, updated.get("batch_stats", {})

    return Model(init, apply)

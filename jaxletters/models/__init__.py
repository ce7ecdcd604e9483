"""Networks by name, each as two pure functions; nothing outside this package knows about Flax."""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxletters.config import ModelConfig
from jaxletters.models.convnets import ConvNet, Deeper, SimpleConvNet
from jaxletters.models.layers import BatchNorm
from jaxletters.models.letternet import LetterNet
from jaxletters.models.mlp import MLP
from jaxletters.types import Model, Tree, Variables

MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "simple_convnet": SimpleConvNet,
    "convnet": ConvNet,
    "deeper": Deeper,
    "letternet": LetterNet,
}


def module(config: ModelConfig, num_classes: int) -> nn.Module:
    """Returns the Linen module that a config describes."""
    return MODELS[config.name](config=config, num_classes=num_classes)


# Equal arguments give the same functions, so that what was compiled with them is used again.
@functools.cache
def build(
    config: ModelConfig, num_classes: int, image_shape: tuple[int, int], trainable: str = ".*"
) -> Model:
    """Returns the network that a config describes, for images of one shape.

    Args:
        config: which network, and its sizes.
        num_classes: logits per image.
        image_shape: (height, width) in pixels.
        trainable: a regular expression over paths such as "stage1_norm1/"; BatchNorm that it does not
            match from the beginning normalises in training as in evaluation, and learns nothing.
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
        with nn.intercept_methods(functools.partial(_freeze, trainable)):
            logits, updated = linen.apply(
                variables._asdict(),
                images,
                train=True,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
        return logits, updated.get("batch_stats", {})

    return Model(init, apply)


def _freeze(
    trainable: str, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
) -> Any:
    """Lets a BatchNorm that is not trained work as in evaluation."""
    layer = context.module
    if isinstance(layer, BatchNorm) and not re.match(trainable, "/".join((*layer.path, ""))):
        (x, _), kwargs = args, {}
        return call(x, False)
    return call(*args, **kwargs)

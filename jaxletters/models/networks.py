"""Networks, each as two pure functions; nothing of this package outside it knows about Flax."""

import functools
import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxletters.config.slots import ModelConfig
from jaxletters.core.types import Model, Tree, Variables
from jaxletters.models.layers import BatchNorm


def module(config: ModelConfig, num_classes: int) -> nn.Module:
    """Returns the Linen module that a config describes.

    Raises:
        TypeError: it is none.
    """
    with config.import_context():
        net = config.build(num_classes)
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"{type(config).__name__}.build: expected a Flax Linen module, found {type(net).__name__}"
        )
    return net


def calling(net: nn.Module, train: bool) -> dict[str, Any]:
    """Returns what a network takes beside the images: whether it trains, under one of its usual names."""
    known = {"train": train, "training": train, "deterministic": not train}
    taken = inspect.signature(type(net).__call__).parameters
    return {name: value for name, value in known.items() if name in taken}


def pixels(images: jax.Array, image_shape: tuple[int, ...]) -> jax.Array:
    """Returns images `[b, h, w]` or `[b, h, w, c]` as networks take them, with their channels."""
    return images if len(image_shape) == 3 else images[..., None]


# Equal arguments give the same functions, so that what was compiled with them is used again.
@functools.cache
def build(
    config: ModelConfig, num_classes: int, image_shape: tuple[int, ...], trainable: str = ".*"
) -> Model:
    """Returns the network that a config describes, for images of one shape.

    Args:
        config: which network, and its sizes.
        num_classes: logits per image.
        image_shape: (height, width) in pixels, or (height, width, channels).
        trainable: a regular expression over paths such as "stage1_norm1/"; BatchNorm that it does not
            match from the beginning normalises in training as in evaluation, and learns nothing.

    Raises:
        TypeError: the config describes no Linen module, or one with other variables than parameters
            and running statistics.
    """
    # Flax's annotations cannot tell that `mutable` makes the result a pair.
    net: Any = module(config, num_classes)

    def init(key: jax.Array) -> Variables:
        images = pixels(jnp.zeros((1, *image_shape)), image_shape)
        with config.import_context():
            variables = net.init(key, images, **calling(net, False))
        if others := set(variables) - {"params", "batch_stats"}:
            raise TypeError(
                f"{type(net).__name__}: expected parameters and batch_stats, found the variables "
                f"{', '.join(sorted(others))} as well"
            )
        return Variables(variables.get("params", {}), variables.get("batch_stats", {}))

    def apply(
        variables: Variables, images: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        images = pixels(images, image_shape)
        if not train:
            with config.import_context():
                logits = net.apply(variables._asdict(), images, **calling(net, False))
            return logits, variables.batch_stats
        with config.import_context(), nn.intercept_methods(functools.partial(_freeze, trainable)):
            logits, updated = net.apply(
                variables._asdict(),
                images,
                **calling(net, True),
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
    frozen = not re.match(trainable, "/".join((*layer.path, "")))
    if frozen and isinstance(layer, BatchNorm):
        return call(args[0], False)
    if frozen and isinstance(layer, nn.BatchNorm) and context.method_name == "__call__":
        # Flax wants it in one place only, and the network may have said it in the layer's.
        given = layer.use_running_average
        object.__setattr__(layer, "use_running_average", None)
        try:
            return call(args[0], **{**kwargs, "use_running_average": True})
        finally:
            object.__setattr__(layer, "use_running_average", given)
    return call(*args, **kwargs)

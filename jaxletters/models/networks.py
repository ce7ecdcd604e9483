"""Builds the network that a config describes, as two pure functions."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxletters.config.slots import ModelConfig
from jaxletters.core.types import Model, Tree, Variables
from jaxletters.models.layers import BatchNorm
from jaxletters.models.params import is_trainable


def build_module(config: ModelConfig, num_classes: int) -> nn.Module:
    """Returns the Linen module that a config describes.

    Raises:
        TypeError: the config's `build` returns something else.
    """
    with config.import_context():
        net = cast(object, config.build(num_classes))  # a user's class may return anything
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"{type(config).__name__}.build: expected a Flax Linen module, found {type(net).__name__}"
        )
    return net


def mode_arguments(net: nn.Module, train: bool) -> dict[str, bool]:
    """Returns those of `train`, `training` and `deterministic` that a network's `__call__` accepts."""
    values = {"train": train, "training": train, "deterministic": not train}
    accepted = inspect.signature(cast(Callable[..., object], type(net).__call__)).parameters
    return {name: value for name, value in values.items() if name in accepted}


def add_channels(images: jax.Array, image_shape: tuple[int, ...]) -> jax.Array:
    """Returns images `[b, h, w]` or `[b, h, w, c]` with an axis of channels, as networks take them."""
    return images if len(image_shape) == 3 else images[..., None]


# The cache returns the same functions for equal arguments, so that compiled programs are reused.
@functools.cache
def build(
    config: ModelConfig, num_classes: int, image_shape: tuple[int, ...], trainable: str = ".*"
) -> Model:
    """Returns the network that a config describes, for images of one shape.

    Args:
        config: the architecture.
        num_classes: logits per image.
        image_shape: (height, width) in pixels, or (height, width, channels).
        trainable: a regular expression over paths such as "stage1_norm1/"; a BatchNorm whose path it does
            not match uses its running statistics in training too, and does not update them.

    Raises:
        TypeError: the config describes no Linen module, or one with other variables than parameters
            and running statistics.
    """
    # Flax's annotations do not say that `mutable` makes the result a pair.
    net = cast(Any, build_module(config, num_classes))

    def init(key: jax.Array) -> Variables:
        images = add_channels(jnp.zeros((1, *image_shape)), image_shape)
        with config.import_context():
            variables = net.init(key, images, **mode_arguments(net, False))
        if others := set(variables) - {"params", "batch_stats"}:
            raise TypeError(
                f"{type(net).__name__}: expected parameters and batch_stats, found the variables "
                f"{', '.join(sorted(others))} as well"
            )
        return Variables(variables.get("params", {}), variables.get("batch_stats", {}))

    def apply(
        variables: Variables, images: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> tuple[jax.Array, Tree]:
        call = functools.partial(
            net.apply,
            variables._asdict(),
            add_channels(images, image_shape),
            **mode_arguments(net, train),
        )
        with config.import_context():
            if not train:
                return call(), variables.batch_stats
            with nn.intercept_methods(functools.partial(_freeze_norms, trainable)):
                logits, updated = call(rngs={"dropout": key}, mutable=["batch_stats"])
        return logits, updated.get("batch_stats", {})

    return Model(init, apply)


def _freeze_norms(
    trainable: str, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
) -> Any:
    """Makes each BatchNorm that is not trainable compute as in evaluation."""
    layer = context.module
    prefix = "".join(f"{name}/" for name in layer.path)
    frozen = not is_trainable(prefix, trainable)
    if frozen and isinstance(layer, BatchNorm):
        return call(args[0], False)
    if frozen and isinstance(layer, nn.BatchNorm) and context.method_name == "__call__":
        # Flax accepts `use_running_average` from the layer or from the call, not from both.
        attribute = layer.use_running_average
        object.__setattr__(layer, "use_running_average", None)
        try:
            return call(args[0], **{**kwargs, "use_running_average": True})
        finally:
            object.__setattr__(layer, "use_running_average", attribute)
    return call(*args, **kwargs)

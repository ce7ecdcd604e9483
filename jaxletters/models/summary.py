"""What a network is made of: layers, shapes, parameters, multiply-adds."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from jaxletters.config.slots import ModelConfig
from jaxletters.models.layers import Conv
from jaxletters.models.networks import calling, module, pixels


class LayerRow(NamedTuple):
    """One layer.

    Attributes:
        name: its path in the parameters, joined by slashes.
        kind: what it is, such as "Conv 3x3".
        output_shape: of one image, without the batch.
        parameters: trainable numbers.
        macs: multiply-adds of one image's forward pass, of convolutions and dense layers; of what a
            pooling drops there are none.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, Conv):
        height, width = layer.kernel_size
        return f"Conv {height}x{width}" + (", pooled" if layer.pool else "")
    if isinstance(layer, nn.Conv):
        edges = (
            layer.kernel_size if isinstance(layer.kernel_size, Sequence) else (layer.kernel_size,)
        )
        return f"Conv {'x'.join(map(str, edges))}"
    return type(layer).__name__


def _features(layer: Any, own: dict[str, Any]) -> int:
    """Returns how many numbers a layer with a kernel gives for each position."""
    features = getattr(layer, "features", own["kernel"].shape[-1])
    return math.prod(features if isinstance(features, Sequence) else (features,))


def layers(config: ModelConfig, num_classes: int, image_shape: tuple[int, ...]) -> list[LayerRow]:
    """Returns a row per layer with parameters, in the order of computation; nothing is computed."""
    net = module(config, num_classes)
    calls: dict[tuple[str, ...], tuple[nn.Module, tuple[int, ...]]] = {}

    def record(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        output = call(*args, **kwargs)
        arrays = jax.tree.leaves(output)
        if context.method_name == "__call__" and arrays:
            calls[context.module.path] = context.module, arrays[0].shape[1:]
        return output

    def trace(key: jax.Array) -> Any:
        with config.import_context(), nn.intercept_methods(record):
            images = pixels(jnp.zeros((1, *image_shape)), image_shape)
            return net.init(key, images, **calling(net, False)).get("params", {})

    params: dict[Any, Any] = traverse_util.flatten_dict(jax.eval_shape(trace, jax.random.key(0)))
    rows = []
    for path, (layer, shape) in calls.items():
        own = {p[-1]: leaf for p, leaf in params.items() if p[:-1] == path}
        if own:
            numbers = math.prod(shape) * (4 if isinstance(layer, Conv) and layer.pool else 1)
            macs = numbers * own["kernel"].size // _features(layer, own) if "kernel" in own else 0
            size = sum(leaf.size for leaf in own.values())
            # What the network itself holds has no path but its own names.
            name = "/".join(path) or ", ".join(own)
            rows.append(LayerRow(name, _kind(layer), shape, size, macs))
    return rows


class Table(NamedTuple):
    """A network's layers as text, for one image; multiply-adds are in millions."""

    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...]
    left: int = 2
    """How many columns are flush left."""


def table(layers: Sequence[LayerRow]) -> Table:
    """Returns layers, parameters and multiply-adds as the cells of a table."""
    rows = [
        (
            row.name,
            row.kind,
            " x ".join(map(str, row.output_shape)),
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.macs / 1e6:.2f}" if row.macs else "",
        )
        for row in layers
    ]
    parameters = sum(row.parameters for row in layers)
    total = ("total", "", "", f"{parameters:,}", f"{sum(row.macs for row in layers) / 1e6:.2f}")
    return Table(("layer", "kind", "output shape", "parameters", "MMAC"), rows, total)

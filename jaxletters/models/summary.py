"""The layers of a network with their output shapes, parameters and multiply-adds."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from jaxletters.config.slots import ModelConfig
from jaxletters.core.types import Tree
from jaxletters.models.layers import Conv
from jaxletters.models.networks import add_channels, build_module, mode_arguments

Path = tuple[str, ...]


class LayerRow(NamedTuple):
    """One layer.

    Attributes:
        name: its path in the parameters, joined by slashes.
        kind: its type, such as "Conv 3x3".
        output_shape: for one image, without the batch axis.
        parameters: the number of trainable scalars.
        macs: multiply-adds of the forward pass of one image, in convolutions and dense layers; outputs that
            a pooling drops count too.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


class Table(NamedTuple):
    """A network's layers as text, for one image; multiply-adds are in millions."""

    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...]
    left_aligned: int = 2
    """The number of columns that are left-aligned."""


def layers(config: ModelConfig, num_classes: int, image_shape: tuple[int, ...]) -> list[LayerRow]:
    """Returns a row per layer with parameters, in the order of computation; nothing is computed."""
    net = cast(Any, build_module(config, num_classes))
    calls: dict[Path, tuple[nn.Module, tuple[int, ...]]] = {}

    def record(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        output = call(*args, **kwargs)
        arrays = jax.tree.leaves(output)
        if context.method_name == "__call__" and arrays:
            calls[context.module.path] = context.module, arrays[0].shape[1:]
        return output

    def init(key: jax.Array) -> Tree:
        with config.import_context(), nn.intercept_methods(record):
            images = add_channels(jnp.zeros((1, *image_shape)), image_shape)
            return net.init(key, images, **mode_arguments(net, False)).get("params", {})

    params = cast(
        dict[Path, jax.ShapeDtypeStruct],
        traverse_util.flatten_dict(jax.eval_shape(init, jax.random.key(0))),
    )
    rows: list[LayerRow] = []
    for path, (layer, shape) in calls.items():
        arrays = {key[-1]: array for key, array in params.items() if key[:-1] == path}
        if arrays:
            # The network's direct parameters have no path, only names.
            name = "/".join(path) or ", ".join(arrays)
            size = sum(array.size for array in arrays.values())
            rows.append(LayerRow(name, _kind(layer), shape, size, _macs(layer, arrays, shape)))
    return rows


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, Conv):
        height, width = layer.kernel_size
        return f"Conv {height}x{width}" + (", pooled" if layer.pool else "")
    if isinstance(layer, nn.Conv):
        size = layer.kernel_size
        return f"Conv {'x'.join(map(str, size if isinstance(size, Sequence) else (size,)))}"
    return type(layer).__name__


def _macs(
    layer: nn.Module, arrays: dict[str, jax.ShapeDtypeStruct], output_shape: tuple[int, ...]
) -> int:
    if (kernel := arrays.get("kernel")) is None:
        return 0
    features: int | Sequence[int] = getattr(layer, "features", kernel.shape[-1])
    features_per_position = math.prod(features if isinstance(features, Sequence) else (features,))
    outputs_per_pooled = 4 if isinstance(layer, Conv) and layer.pool else 1
    return math.prod(output_shape) * outputs_per_pooled * kernel.size // features_per_position


def table(layers: Sequence[LayerRow]) -> Table:
    """Returns the layers, their parameters and their multiply-adds as the cells of a table."""
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

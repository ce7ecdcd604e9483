"""What a network is made of: layers, shapes, parameters, multiply-adds."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import traverse_util

from jaxletters.config import ModelConfig
from jaxletters.models import module


class LayerRow(NamedTuple):
    """One layer.

    Attributes:
        name: its path in the parameters, joined by slashes.
        kind: what it is, such as "Conv 3x3".
        output_shape: of one image, without the batch.
        parameters: trainable numbers.
        macs: multiply-adds of one image's forward pass, of convolutions and dense layers.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


def _kind(params: dict[str, jax.Array]) -> str:
    kernel = params.get("kernel")
    if kernel is None:
        return "BatchNorm"
    return "Dense" if kernel.ndim == 2 else f"Conv {kernel.shape[0]}x{kernel.shape[1]}"


def layers(config: ModelConfig, num_classes: int, image_shape: tuple[int, int]) -> list[LayerRow]:
    """Returns a row per layer with parameters, in the order of computation; nothing is computed."""
    net = module(config, num_classes)
    order: dict[tuple[str, ...], None] = {}

    def trace(key: jax.Array) -> Any:
        variables: Any = net.init_with_output(
            key,
            jnp.zeros((1, *image_shape)),
            train=False,
            capture_intermediates=True,
            mutable=["params", "batch_stats", "intermediates"],
        )[1]
        # Taken here, because what leaves the trace comes back sorted by name.
        order.update(
            dict.fromkeys(path[:-1] for path in traverse_util.flatten_dict(variables["params"]))
        )
        return variables

    shapes = jax.eval_shape(trace, jax.random.key(0))
    params: dict[Any, Any] = traverse_util.flatten_dict(shapes["params"])
    outputs: dict[Any, Any] = traverse_util.flatten_dict(shapes["intermediates"])
    rows = []
    for path in order:
        own = {p[-1]: leaf for p, leaf in params.items() if p[:-1] == path}
        (output,) = outputs[(*path, "__call__")]
        positions = math.prod(output.shape[1:-1])
        macs = positions * own["kernel"].size if "kernel" in own else 0
        size = sum(leaf.size for leaf in own.values())
        rows.append(LayerRow("/".join(path), _kind(own), output.shape[1:], size, macs))
    return rows

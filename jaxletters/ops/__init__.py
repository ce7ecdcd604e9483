# pyright: standard
"""Convolution, pooling and normalisation with one entry point each, fast on every backend.

Accelerators use XLA's operations. CPUs use other algorithms for the same sums, chosen by the sizes of the
layer (`convolution.CHOICES`) when the program is lowered. Programs with a symbolic batch size use XLA's
operations on CPUs too, because the other algorithms need concrete sizes.
"""

import functools
from collections.abc import Callable

import jax
from jax import lax

from jaxletters.ops import convolution, direct, pool
from jaxletters.ops.geometry import Layer
from jaxletters.ops.norm import add_bias, batch_norm

__all__ = ["add_bias", "batch_norm", "conv2d", "conv2d_max_pool", "max_pool", "output_shape"]


def _layer(x: jax.Array, kernel: jax.Array, stride: int, padding: str) -> Layer:
    batch, height, width, _ = x.shape
    edge, _, inputs, outputs = kernel.shape
    (top, bottom), (left, right) = lax.padtype_to_pads(
        (height, width), (edge, edge), (stride, stride), padding
    )
    # Some versions of JAX return NumPy integers.
    pads = ((int(top), int(bottom)), (int(left), int(right)))
    return Layer(batch, (height, width), (inputs, outputs), edge, stride, pads)


def _either(
    cpu: Callable[..., jax.Array], default: Callable[..., jax.Array], *arrays: jax.Array
) -> jax.Array:
    """Applies one of two algorithms for the same sum to a batch `[b, ...]` and further arrays."""
    if not isinstance(arrays[0].shape[0], int):
        return default(*arrays)
    return lax.platform_dependent(*arrays, cpu=cpu, default=default)


def conv2d(x: jax.Array, kernel: jax.Array, stride: int = 1, padding: str = "SAME") -> jax.Array:
    """Convolves images with a square kernel (a cross-correlation, as is usual in networks).

    Args:
        x: `[b, h, w, in]`.
        kernel: `[edge, edge, in, out]`, of the same dtype.
        stride: along both axes.
        padding: "SAME" or "VALID", as XLA and TensorFlow define them.

    Returns:
        `[b, h', w', out]`.
    """
    layer = _layer(x, kernel, stride, padding)
    return _either(
        functools.partial(convolution.conv2d, layer=layer),
        functools.partial(direct.forward, layer=layer),
        x,
        kernel,
    )


def conv2d_max_pool(x: jax.Array, kernel: jax.Array, padding: str = "SAME") -> jax.Array:
    """Returns `max_pool(conv2d(x, kernel, 1, padding))` without computing outputs that the pooling drops."""
    layer = _even(_layer(x, kernel, 1, padding))
    return _either(
        functools.partial(convolution.conv2d_max_pool, layer=layer),
        lambda x, kernel: pool.reference(direct.forward(x, kernel, layer)),
        x,
        kernel,
    )


def output_shape(
    x: jax.Array, kernel: jax.Array, stride: int, padding: str, pooled: bool
) -> tuple[int, ...]:
    """Returns the output shape of `conv2d`, or of `conv2d_max_pool` if `pooled`."""
    layer = _layer(x, kernel, stride, padding)
    height, width = (size // 2 for size in layer.out) if pooled else layer.out
    return layer.batch, height, width, layer.channels[1]


def _even(layer: Layer) -> Layer:
    """Returns the layer without the last output row or column if their number is odd."""
    (top, bottom), (left, right) = layer.pads
    height, width = layer.out
    return layer._replace(pads=((top, bottom - height % 2), (left, right - width % 2)))


def max_pool(x: jax.Array) -> jax.Array:
    """Returns the maxima of 2x2 windows of `[b, h, w, c]`; drops a last odd row or column."""
    return _either(pool.max_pool, pool.reference, x)

# pyright: standard
"""XLA's convolution: the reference, used on accelerators and often the fastest on CPUs too."""

import jax
from jax import lax

from jaxletters.ops.geometry import Layer


def forward(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Convolves `[b, h, w, in]` with `[edge, edge, in, out]`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        (layer.stride, layer.stride),
        layer.pads,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def input_gradient(dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Maps the gradient of the output to the gradient of the input."""
    x = jax.ShapeDtypeStruct((layer.batch, *layer.size, layer.channels[0]), dy.dtype)
    (dx,) = jax.linear_transpose(lambda x: forward(x, kernel, layer), x)(dy)
    return dx


def kernel_gradient(x: jax.Array, dy: jax.Array, layer: Layer) -> jax.Array:
    """Maps the gradient of the output to the gradient of the kernel."""
    kernel = jax.ShapeDtypeStruct((layer.edge, layer.edge, *layer.channels), dy.dtype)
    (dk,) = jax.linear_transpose(lambda kernel: forward(x, kernel, layer), kernel)(dy)
    return dk

# pyright: standard
"""Convolution as matrix products: one over patches forward, one per tap backward."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxletters.ops import geometry
from jaxletters.ops.geometry import Layer


def _patches(x: jax.Array, layer: Layer) -> jax.Array:
    """Returns the input patch of each output position: `[b * positions, edge² * in]`."""
    taps = geometry.windows(x, layer.edge, layer.stride, layer.pads, layer.out)
    return jnp.concatenate(taps, -1).reshape(-1, layer.edge**2 * layer.channels[0])


def forward(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Convolves few input channels; XLA's convolution spends its time on rearranging them."""
    patches = _patches(x, layer)
    y = patches @ kernel.reshape(-1, layer.channels[1])
    return y.reshape(layer.batch, *layer.out, layer.channels[1])


def kernel_gradient(x: jax.Array, dy: jax.Array, layer: Layer) -> jax.Array:
    """Maps the output's gradient to the kernel's; the product sums over positions."""
    dy = dy.reshape(-1, layer.channels[1])
    dk = lax.dot_general(_patches(x, layer), dy, (((0,), (0,)), ((), ())))
    return dk.reshape(layer.edge, layer.edge, *layer.channels)


def input_gradient(dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Maps the output's gradient to the input's: one product per tap, summed where taps overlap.

    XLA convolves a gradient that is padded on all sides and, for a stride, dilated with zeros, and
    multiplies by all of these zeros.
    """
    rows = dy.reshape(-1, layer.channels[1])
    taps = [
        (rows @ kernel[i, j].T).reshape(*dy.shape[:3], layer.channels[0])
        for i in range(layer.edge)
        for j in range(layer.edge)
    ]
    return geometry.overlap(taps, layer.edge, layer.stride, layer.pads, layer.size)

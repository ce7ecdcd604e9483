"""Convolution as one matrix product: over patches forward, over taps backward."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxletters.ops import geometry
from jaxletters.ops.geometry import Layer


def _patches(x: jax.Array, layer: Layer) -> jax.Array:
    """`[b * positions, edge² * in]`: what each output position sees."""
    taps = geometry.windows(x, layer.edge, layer.stride, layer.pads, layer.out)
    return jnp.concatenate(taps, -1).reshape(-1, layer.edge**2 * layer.channels[0])


def forward(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """For few input channels: XLA's own convolution spends its time on rearranging them."""
    patches = _patches(x, layer)
    y = patches @ kernel.reshape(-1, layer.channels[1])
    return y.reshape(layer.batch, *layer.out, layer.channels[1])


def kernel_gradient(x: jax.Array, dy: jax.Array, layer: Layer) -> jax.Array:
    """Likewise; the sum over positions is the inner dimension of the product."""
    dy = dy.reshape(-1, layer.channels[1])
    dk = lax.dot_general(_patches(x, layer), dy, (((0,), (0,)), ((), ())))
    return dk.reshape(layer.edge, layer.edge, *layer.channels)


def input_gradient(dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """One product per tap, added where they overlap.

    XLA's own convolves a gradient that is padded all round and, for a stride, spread with zeros, and
    multiplies by every one of them.
    """
    rows = dy.reshape(-1, layer.channels[1])
    taps = [
        (rows @ kernel[i, j].T).reshape(*dy.shape[:3], layer.channels[0])
        for i in range(layer.edge)
        for j in range(layer.edge)
    ]
    return geometry.overlap(taps, layer.edge, layer.stride, layer.pads, layer.size)

"""The layers that the networks here are made of, over `jaxletters.ops`."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.typing import Initializer

from jaxletters import ops


class Conv(nn.Module):
    """A convolution with a square kernel, then, if asked, a 2x2 max-pooling, then the bias.

    The pooling comes before the bias, and in the networks before the activation, because neither
    changes which of four numbers is the largest and both then work on a quarter of them.

    Attributes:
        features: channels of the output.
        edge: of the kernel, in pixels.
        stride: along both axes.
        padding: "SAME" or "VALID".
        use_bias: whether a number per channel is added.
        pool: whether a 2x2 max-pooling follows.
        kernel_init: of the kernel `[edge, edge, in, features]`.
    """

    features: int
    edge: int
    stride: int = 1
    padding: str = "SAME"
    use_bias: bool = True
    pool: bool = False
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[b, h, w, in]` to `[b, h', w', features]`."""
        shape = (self.edge, self.edge, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        if self.is_initializing():
            # Parameters depend on shapes alone, and tracing the CPU's forms takes seconds.
            x = jnp.zeros(
                ops.output_shape(x, kernel, self.stride, self.padding, self.pool), x.dtype
            )
        elif self.pool:
            x = ops.conv2d_max_pool(x, kernel, self.padding)
        else:
            x = ops.conv2d(x, kernel, self.stride, self.padding)
        if not self.use_bias:
            return x
        return ops.add_bias(x, self.param("bias", nn.initializers.zeros_init(), (self.features,)))


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015) over all axes but the last.

    Attributes:
        momentum: share of the running statistics that an update keeps.
        epsilon: added to the variance.
        scale_init: of the factor per channel.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    scale_init: Initializer = nn.initializers.ones_init()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps `[b, ..., c]` to the same shape.

        With `train`, the batch's own mean and variance are used, and the running ones updated.
        """
        shape = (x.shape[-1],)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        variance = self.variable("batch_stats", "var", jnp.ones, shape)
        scale = self.param("scale", self.scale_init, shape)
        offset = self.param("bias", nn.initializers.zeros_init(), shape)
        if not train:
            slope = scale * jax.lax.rsqrt(variance.value + self.epsilon)
            return (x - mean.value) * slope + offset
        y, *batch = ops.batch_norm(x, scale, offset, self.epsilon)
        if not self.is_initializing():
            for running, new in zip((mean, variance), batch, strict=True):
                running.value = self.momentum * running.value + (1 - self.momentum) * new
        return y

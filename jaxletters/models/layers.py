"""Flax layers on top of `jaxletters.ops`."""

from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.typing import Initializer

from jaxletters import ops


# Flax does not say that these return arrays.
def activation(name: str) -> Callable[[jax.Array], jax.Array]:
    """Returns the activation function that Flax has under a name."""
    return cast(Callable[[jax.Array], jax.Array], getattr(nn, name))


def dropout(x: jax.Array, rate: float, train: bool) -> jax.Array:
    """Applies dropout (Srivastava et al. 2014), in training only; for use inside a module."""
    return cast(jax.Array, nn.Dropout(rate, deterministic=not train)(x))


def avg_pool(x: jax.Array) -> jax.Array:
    """Returns the means of 2x2 pixels: `[b, h, w, c]` to `[b, h // 2, w // 2, c]`."""
    return cast(jax.Array, nn.avg_pool(x, (2, 2), (2, 2)))


class Conv(nn.Module):
    """A drop-in for Flax's `nn.Conv` on images that is fast on CPUs, with optional 2x2 max-pooling.

    Arguments and parameters have the meaning and names of `nn.Conv`'s. Square kernels with one stride
    and one group use `jaxletters.ops`; all others use XLA's convolution.

    The pooling precedes the bias, and in the networks the activation. Neither changes which of four
    values is the largest, and after the pooling both process a quarter of the values.

    Attributes:
        features: output channels.
        kernel_size: (height, width) of the kernel, in pixels.
        strides: one for both axes, or one per axis.
        padding: "SAME" or "VALID".
        feature_group_count: the number of groups of channels.
        use_bias: whether to add a bias per channel.
        kernel_init: initializer of the kernel `[*kernel_size, in / groups, features]`.
        pool: whether to apply 2x2 max-pooling.
    """

    features: int
    kernel_size: tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: str = "SAME"
    feature_group_count: int = 1
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.lecun_normal()
    pool: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[b, h, w, in]` to `[b, h', w', features]`."""
        shape = (*self.kernel_size, x.shape[-1] // self.feature_group_count, self.features)
        x = self._convolve(x, self.param("kernel", self.kernel_init, shape))
        if not self.use_bias:
            return x
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        return cast(jax.Array, ops.add_bias(x, bias))  # custom_vjp loses the annotation

    def _convolve(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        strides = self.strides if isinstance(self.strides, tuple) else (self.strides, self.strides)
        kernel_height, kernel_width = self.kernel_size
        square = kernel_height == kernel_width and strides[0] == strides[1]
        if not square or self.feature_group_count > 1 or (self.pool and strides != (1, 1)):
            x = jax.lax.conv_general_dilated(
                x,
                kernel,
                strides,
                self.padding,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=self.feature_group_count,
            )
            return ops.max_pool(x) if self.pool else x
        if self.is_initializing():
            # Initialisation needs only the output's shape, and tracing the CPU's algorithms takes seconds.
            shape = ops.output_shape(x, kernel, strides[0], self.padding, self.pool)
            return jnp.zeros(shape, x.dtype)
        if self.pool:
            return ops.conv2d_max_pool(x, kernel, self.padding)
        return ops.conv2d(x, kernel, strides[0], self.padding)


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015) over all axes but the last.

    Attributes:
        momentum: the share of the running statistics that an update keeps.
        epsilon: added to the variance.
        scale_init: initializer of the scale per channel.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    scale_init: Initializer = nn.initializers.ones_init()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps `[b, ..., c]` to the same shape.

        With `train`, uses the mean and variance of the batch and updates the running statistics.
        """
        shape = (x.shape[-1],)
        mean = self.variable("batch_stats", "mean", lambda: jnp.zeros(shape))
        variance = self.variable("batch_stats", "var", lambda: jnp.ones(shape))
        scale = self.param("scale", self.scale_init, shape)
        offset = self.param("bias", nn.initializers.zeros_init(), shape)
        if not train:
            slope = scale * jax.lax.rsqrt(variance.value + self.epsilon)
            return (x - mean.value) * slope + offset
        y, batch_mean, batch_variance = ops.batch_norm(x, scale, offset, self.epsilon)
        if not self.is_initializing():
            for running, new in ((mean, batch_mean), (variance, batch_variance)):
                running.value = self.momentum * running.value + (1 - self.momentum) * new
        return y

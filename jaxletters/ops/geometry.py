# pyright: standard
"""The sizes of a convolution, and its sliding windows."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

Pads = tuple[tuple[int, int], tuple[int, int]]
"""Rows and columns added (if negative, removed) before and after, along height and width."""


class Layer(NamedTuple):
    """The sizes of one convolution of NHWC images with an HWIO kernel.

    Attributes:
        batch: images.
        size: (height, width) of the input.
        channels: (in, out).
        edge: of the square kernel.
        stride: along both axes.
        pads: around the input.
    """

    batch: int
    size: tuple[int, int]
    channels: tuple[int, int]
    edge: int
    stride: int
    pads: Pads

    @property
    def out(self) -> tuple[int, int]:
        """(height, width) of the output, 0 where the input is smaller than the kernel."""
        height, width = (
            max((size + sum(pad) - self.edge) // self.stride + 1, 0)
            for size, pad in zip(self.size, self.pads, strict=True)
        )
        return height, width

    def transposed(self) -> "Layer":
        """Returns the convolution (of stride 1) that maps the output's gradient to the input's."""
        height, width = ((self.edge - 1 - a, self.edge - 1 - b) for a, b in self.pads)
        return self._replace(size=self.out, channels=self.channels[::-1], pads=(height, width))


def pad(x: jax.Array, pads: Pads) -> jax.Array:
    """Pads NHWC images with zeros; a negative number crops."""
    zero = jnp.zeros((), x.dtype)
    return jax.lax.pad(x, zero, ((0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)))


def windows(
    x: jax.Array, edge: int, stride: int, pads: Pads, out: tuple[int, int]
) -> list[jax.Array]:
    """Returns the input under each of the edge² taps of a sliding window: arrays `[b, *out, c]`."""
    height, width = ((n - 1) * stride + edge for n in out)
    # Pad to exactly the extent of the windows, so that no size is a special case.
    (top, _), (left, _) = pads
    x = pad(x, ((top, height - x.shape[1] - top), (left, width - x.shape[2] - left)))
    rows, columns = ((n - 1) * stride + 1 for n in out)
    return [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(edge)
        for j in range(edge)
    ]


def overlap(
    taps: list[jax.Array], edge: int, stride: int, pads: Pads, size: tuple[int, int]
) -> jax.Array:
    """The transpose of `windows`: sums edge² arrays `[b, h, w, c]` to `[b, *size, c]`.

    A window's tap covers an input position only if they agree modulo the stride, so each remainder is a
    separate sum of shifted arrays, without a scatter (col2im of Chellapilla et al. 2006, gathered).
    """
    rows, columns = (-(-n // stride) for n in size)

    def remainder(r: int, s: int) -> jax.Array:
        total = jnp.zeros((taps[0].shape[0], rows, columns, taps[0].shape[3]), taps[0].dtype)
        for i in range(edge):
            for j in range(edge):
                down, right = r + pads[0][0] - i, s + pads[1][0] - j
                if down % stride == 0 and right % stride == 0:
                    tap = taps[i * edge + j]
                    down, right = down // stride, right // stride
                    shift = (
                        (-down, rows - tap.shape[1] + down),
                        (-right, columns - tap.shape[2] + right),
                    )
                    total += pad(tap, shift)
        return total

    return weave([remainder(r, s) for r in range(stride) for s in range(stride)], stride, size)


def weave(parts: list[jax.Array] | jax.Array, step: int, size: tuple[int, int]) -> jax.Array:
    """Interleaves step² arrays `[b, h, w, c]` into `[b, step * h, step * w, c]`, cropped to `size`."""
    x = jnp.stack(parts) if isinstance(parts, list) else parts
    _, batch, height, width, channels = x.shape
    x = x.reshape(step, step, batch, height, width, channels).transpose(2, 3, 0, 4, 1, 5)
    x = x.reshape(batch, step * height, step * width, channels)
    return x[:, : size[0], : size[1]]

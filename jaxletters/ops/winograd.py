# pyright: standard
"""Convolution with 3x3 kernels in fewer multiplications (Lavin and Gray 2016, after Winograd 1980).

A tile of m outputs along an axis needs m + 2 products instead of 3 m: `y = A' [(G k) * (B' x)]`, where
`*` multiplies elementwise, or, over channels, as matrices. `rows_forward` applies this along the width alone
and XLA's convolution along the height; `Tiles` applies it along both axes: (m + 2)² products, not 9 m².
"""

import functools
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxletters.ops import blocks, direct, geometry
from jaxletters.ops.barrier import stored
from jaxletters.ops.geometry import Layer

# The evaluation points of the Toom-Cook algorithm; small powers of two keep the rounding errors
# of float32 at a few parts in a million (Barabasz et al. 2020).
_POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))


class _Transforms(NamedTuple):
    """The matrices of tiles of m, in float64.

    Attributes:
        a: of the output, `[m, m + 2]`.
        g: of the kernel, `[m + 2, 3]`.
        b: of the input, `[m + 2, m + 2]`.
    """

    a: np.ndarray
    g: np.ndarray
    b: np.ndarray


@functools.cache
def _transforms(m: int) -> _Transforms:
    points = _POINTS[: m + 1]
    a = [[p**i for p in points] + [Fraction(i == m - 1)] for i in range(m)]
    g, b = [], []
    for p in points:
        others = [q for q in points if q != p]
        scale = functools.reduce(lambda x, y: x * y, (p - q for q in others))
        g.append([p**k / scale for k in range(3)])
        b.append([*_polynomial(others), Fraction(0)])
    g.append([Fraction(0), Fraction(0), Fraction(1)])
    b.append(_polynomial(points))
    return _Transforms(*(np.array(rows, np.float64) for rows in (a, g, b)))


def _polynomial(roots: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    """Returns the coefficients, lowest first, of the polynomial with these roots."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, same = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [s - root * c for s, c in zip(shifted, same, strict=True)]
    return coefficients


def _sum(weights: np.ndarray, arrays: list[jax.Array]) -> jax.Array:
    """Returns the weighted sum of arrays; arrays of weight 0 are not read."""
    terms = [x * w for w, x in zip(weights.tolist(), arrays, strict=True) if w]
    return functools.reduce(jnp.add, terms)


def rows_forward(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Convolves in tiles of four along the width: half the multiplications, 1.5 times the memory."""
    m, transforms = 4, _transforms(4)
    width = layer.out[1]
    tiles = -(-width // m)
    before = layer.pads[1][0]
    after = m * tiles + 2 - layer.size[1] - before
    x = geometry.pad(x, ((0, 0), (before, after)))
    taps = [x[:, :, i : i + m * (tiles - 1) + 1 : m] for i in range(m + 2)]
    columns = [kernel[:, j : j + 1] for j in range(3)]
    upright = layer._replace(pads=(layer.pads[0], (0, 0)))
    products = [
        direct.forward(_sum(b, taps), _sum(g, columns), upright)
        for b, g in zip(transforms.b, transforms.g, strict=True)
    ]
    y = jnp.stack([_sum(a, products) for a in transforms.a], 3)
    return y.reshape(*y.shape[:2], m * tiles, -1)[:, :, :width]


def rows_input_gradient(dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Maps the output's gradient to the input's: the same with the kernel rotated by 180 degrees."""
    return rows_forward(dy, kernel[::-1, ::-1].swapaxes(2, 3), layer.transposed())


class Tiles:
    """Convolution in tiles of m x m outputs.

    Images are transformed along one axis, then along the other, each in one pass over memory; then follows
    one matrix product per position of a tile.
    """

    def __init__(self, m: int) -> None:
        self.m = m
        self.edge = m + 2
        self.a, self.g, self.b = _transforms(m)

    def forward(self, x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
        """Convolves `[b, h, w, in]` with `[3, 3, in, out]`."""
        kernels = self._kernels(kernel)

        def part(x: jax.Array) -> jax.Array:
            y = self._products(self._inputs(x, layer), kernels, layer)
            return stored(geometry.weave(_untiled(self.a, y), self.m, layer.out))

        return blocks.mapped(part, self._parts(layer), x)

    def input_gradient(self, dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
        """The transpose of `forward`, step by step."""
        # Stored, because a product with a transposed matrix takes twice as long.
        kernels = self._kernels(stored(kernel.swapaxes(2, 3)))

        def part(dy: jax.Array) -> jax.Array:
            dx = self._products(self._outputs(dy, layer), kernels, layer)
            taps = list(stored(_untiled(self.b.T, dx)))
            return stored(geometry.overlap(taps, self.edge, self.m, layer.pads, layer.size))

        return blocks.mapped(part, self._parts(layer), dy)

    def kernel_gradient(self, x: jax.Array, dy: jax.Array, layer: Layer) -> jax.Array:
        """The other transpose: products of transformed inputs and gradients, summed over all tiles."""

        def part(x: jax.Array, dy: jax.Array) -> jax.Array:
            tiles = self._inputs(x, layer), self._outputs(dy, layer)
            return lax.dot_general(*tiles, (((1,), (1,)), ((0,), (0,))))

        total = blocks.summed(part, self._parts(layer), x, dy)
        dk = jnp.asarray(np.kron(self.g, self.g).T, x.dtype) @ total.reshape(self.edge**2, -1)
        return dk.reshape(3, 3, *layer.channels)

    def _grid(self, layer: Layer) -> tuple[int, int]:
        height, width = layer.out
        return -(-height // self.m), -(-width // self.m)

    def _parts(self, layer: Layer) -> int:
        down, right = self._grid(layer)
        positions = self.edge**2 * down * right
        return blocks.count(layer.batch, layer.batch * positions * max(layer.channels))

    def _kernels(self, kernel: jax.Array) -> jax.Array:
        """Returns `[positions, in, out]`."""
        kernels = jnp.asarray(np.kron(self.g, self.g), kernel.dtype) @ kernel.reshape(9, -1)
        return kernels.reshape(-1, *kernel.shape[2:])

    def _inputs(self, x: jax.Array, layer: Layer) -> jax.Array:
        """Returns `[positions, b * tiles, in]`."""
        down, right = self._grid(layer)
        (top, _), (left, _) = layer.pads
        below = self.m * down + 2 - x.shape[1] - top
        after = self.m * right + 2 - x.shape[2] - left
        return self._tiled(self.b, geometry.pad(x, ((top, below), (left, after))))

    def _outputs(self, dy: jax.Array, layer: Layer) -> jax.Array:
        """Returns `[positions, b * tiles, out]`."""
        down, right = self._grid(layer)
        below, after = self.m * down - dy.shape[1], self.m * right - dy.shape[2]
        return self._tiled(self.a.T, geometry.pad(dy, ((0, below), (0, after))))

    def _tiled(self, matrix: np.ndarray, x: jax.Array) -> jax.Array:
        """Transforms every tile of images `[b, h, w, c]`: `[positions, b * tiles, c]`."""
        x, size = stored(x), matrix.shape[1]
        for _ in ("columns", "rows"):
            # The new axis comes first, so the next axis to transform is the third again.
            end = x.shape[2] - size + 1
            x = stored(_weighted(matrix, [x[:, :, i : i + end : self.m] for i in range(size)]))
        return x.reshape(self.edge**2, -1, x.shape[-1])

    def _products(self, tiles: jax.Array, kernels: jax.Array, layer: Layer) -> jax.Array:
        """Returns `[edge, edge, b, down, right, c]`."""
        products = lax.dot_general(tiles, kernels, (((2,), (1,)), ((0,), (0,))))
        return products.reshape(self.edge, self.edge, -1, *self._grid(layer), kernels.shape[2])


def _weighted(matrix: np.ndarray, arrays: list[jax.Array]) -> jax.Array:
    """Returns the product of a matrix and a vector of arrays, stacked along a new first axis."""
    columns = jnp.asarray(matrix.T, arrays[0].dtype)
    columns = columns.reshape(len(arrays), -1, *(1,) * arrays[0].ndim)
    return functools.reduce(jnp.add, [c * x for c, x in zip(columns, arrays, strict=True)])


def _untiled(matrix: np.ndarray, x: jax.Array) -> jax.Array:
    """Transforms the two leading axes and merges them."""
    x = stored(_weighted(matrix, [x[:, i] for i in range(x.shape[1])]))
    x = _weighted(matrix, [x[:, i] for i in range(x.shape[1])])
    return x.reshape(-1, *x.shape[2:])

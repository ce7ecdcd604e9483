"""Convolution with 3x3 kernels in fewer multiplications (Lavin and Gray 2016, after Winograd 1980).

A tile of m outputs along an axis needs m + 2 products instead of 3 m: `y = A' [(G k) * (B' x)]`, where
`*` multiplies elementwise, or, over channels, as matrices. `by_rows` does so along the width alone and
leaves the height to XLA's convolution; `by_tiles` along both axes and needs matrix products only.
"""

import functools
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxletters.ops import direct, geometry
from jaxletters.ops.geometry import Layer

# Where the polynomials of the Toom-Cook algorithm are evaluated; small powers of two keep the rounding
# errors of float32 at a few parts in a million (Barabasz et al. 2020).
_POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))


# Numbers in the largest array of a part of a batch: 16 MiB of float32, half of a last-level cache.
_CACHED = 2**22


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
        b.append([*_with_roots(others), Fraction(0)])
    g.append([Fraction(0), Fraction(0), Fraction(1)])
    b.append(_with_roots(points))
    return _Transforms(*(np.array(rows, np.float64) for rows in (a, g, b)))


def _with_roots(roots: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    """Coefficients, lowest first, of the polynomial with these roots."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, same = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [s - root * c for s, c in zip(shifted, same, strict=True)]
    return coefficients


def _combine(weights: np.ndarray, parts: list[jax.Array]) -> jax.Array:
    """The weighted sum of arrays; what has weight 0 is not read."""
    terms = [part * w for w, part in zip(weights.tolist(), parts, strict=True) if w]
    return functools.reduce(jnp.add, terms)


def rows_forward(x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """Tiles of four along the width: half the multiplications, 1.5 times the memory."""
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
        direct.forward(_combine(b, taps), _combine(g, columns), upright)
        for b, g in zip(transforms.b, transforms.g, strict=True)
    ]
    y = jnp.stack([_combine(a, products) for a in transforms.a], 3)
    return y.reshape(*y.shape[:2], m * tiles, -1)[:, :, :width]


def rows_input_gradient(dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
    """The same with the kernel turned round."""
    return rows_forward(dy, kernel[::-1, ::-1].swapaxes(2, 3), layer.turned())


class Tiles:
    """Tiles of m x m outputs, where (m + 2)² products stand for 9 m².

    Every step is a matrix product: the transforms, as Kronecker products, of what the taps of all tiles
    see, and one product over channels per place in a tile.
    """

    def __init__(self, m: int) -> None:
        self.m = m
        self.places = (m + 2) ** 2
        self.a, self.g, self.b = (np.kron(t, t) for t in _transforms(m))

    def forward(self, x: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
        """Convolves `[b, h, w, in]` with `[3, 3, in, out]`."""
        kernels = self._kernels(kernel)

        def part(x: jax.Array) -> jax.Array:
            products = _matmul(self._inputs(x, layer), kernels, (2, 1))
            y = _apply(self.a, products).reshape(-1, len(x), *self._grid(layer), layer.channels[1])
            return geometry.weave(y, self.m, layer.out)

        count = self._parts(layer)
        y = lax.map(part, _split(x, count))
        return y.reshape(-1, *y.shape[2:])

    def input_gradient(self, dy: jax.Array, kernel: jax.Array, layer: Layer) -> jax.Array:
        """The transpose of `forward`, step by step."""
        kernels = self._kernels(kernel)

        def part(dy: jax.Array) -> jax.Array:
            products = _matmul(self._outputs(dy, layer), kernels, (2, 2))
            taps = _apply(self.b.T, products)
            taps = taps.reshape(-1, len(dy), *self._grid(layer), layer.channels[0])
            return geometry.overlap(list(taps), self.m + 2, self.m, layer.pads, layer.size)

        count = self._parts(layer)
        dx = lax.map(part, _split(dy, count))
        return dx.reshape(-1, *dx.shape[2:])

    def kernel_gradient(self, x: jax.Array, dy: jax.Array, layer: Layer) -> jax.Array:
        """The other transpose; transformed inputs meet transformed gradients, summed over all tiles."""

        def part(total: jax.Array, x_dy: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            x, dy = x_dy
            return total + _matmul(self._inputs(x, layer), self._outputs(dy, layer), (1, 1)), None

        count = self._parts(layer)
        zero = jnp.zeros((self.places, *layer.channels), x.dtype)
        total, _ = lax.scan(part, zero, (_split(x, count), _split(dy, count)))
        return _apply(self.g.T, total).reshape(3, 3, *layer.channels)

    def _grid(self, layer: Layer) -> tuple[int, int]:
        height, width = layer.out
        return -(-height // self.m), -(-width // self.m)

    def _inputs(self, x: jax.Array, layer: Layer) -> jax.Array:
        """Returns `[places, b * tiles, in]`."""
        taps = geometry.windows(x, self.m + 2, self.m, layer.pads, self._grid(layer))
        return _apply(self.b, jnp.stack(taps)).reshape(self.places, -1, layer.channels[0])

    def _kernels(self, kernel: jax.Array) -> jax.Array:
        """Returns `[places, in, out]`."""
        return _apply(self.g, kernel.reshape(9, -1)).reshape(self.places, *kernel.shape[2:])

    def _outputs(self, dy: jax.Array, layer: Layer) -> jax.Array:
        """Returns `[places, b * tiles, out]`."""
        taps = geometry.windows(dy, self.m, self.m, ((0, 0), (0, 0)), self._grid(layer))
        return _apply(self.a.T, jnp.stack(taps)).reshape(self.places, -1, layer.channels[1])

    def _parts(self, layer: Layer) -> int:
        """Into how many parts to split a batch, so that one part's transforms stay in the cache."""
        tiles = self._grid(layer)[0] * self._grid(layer)[1]
        numbers = self.places * tiles * max(layer.channels)
        images = max(_CACHED // numbers, 1)
        return next(
            n for n in range(-(-layer.batch // images), layer.batch + 1) if layer.batch % n == 0
        )


def _apply(matrix: np.ndarray, x: jax.Array) -> jax.Array:
    return jnp.asarray(matrix, x.dtype) @ x.reshape(len(x), -1)


def _matmul(a: jax.Array, b: jax.Array, contract: tuple[int, int]) -> jax.Array:
    return lax.dot_general(a, b, (((contract[0],), (contract[1],)), ((0,), (0,))))


def _split(x: jax.Array, count: int) -> jax.Array:
    return x.reshape(count, -1, *x.shape[1:])

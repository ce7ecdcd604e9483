"""What the tests of `jaxletters.ops` share: layers, their sums by NumPy, and how close is the same."""

from typing import NamedTuple

import jax
import numpy as np
import tiny
from hypothesis import Phase, settings
from hypothesis import strategies as st
from jax import lax

from jaxletters.ops.geometry import Layer

if hasattr(jax, "enable_x64"):
    x64 = jax.enable_x64
else:  # before JAX 0.8
    from jax.experimental import enable_x64 as x64

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def few(examples):
    """The same few examples on every machine, and no search for smaller ones: each is compiled."""
    phases = (Phase.explicit, Phase.generate)
    return settings(max_examples=examples, derandomize=True, database=None, phases=phases)


def layer(batch, size, channels, edge, stride=1, padding="SAME"):
    height, width = lax.padtype_to_pads(size, (edge, edge), (stride, stride), padding)
    return Layer(batch, size, channels, edge, stride, (tuple(height), tuple(width)))


def cropped(layer, rows, columns):
    """The layer without its last output rows and columns."""
    (top, bottom), (left, right) = layer.pads
    return layer._replace(pads=((top, bottom - rows), (left, right - columns)))


@st.composite
def layers(draw, edges, strides, channels):
    """Layers of every padding and small odd and even sizes, some without a last row or column."""
    edge, stride = draw(edges), draw(strides)
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    sizes = st.integers(edge if padding == "VALID" else 1, 14)
    size = draw(sizes), draw(sizes)
    found = layer(
        draw(st.integers(1, 5)), size, (draw(channels), draw(channels)), edge, stride, padding
    )
    if stride > 1 or min(found.out) < 2:
        return found
    return cropped(found, draw(st.integers(0, 1)), draw(st.integers(0, 1)))


class Sums(NamedTuple):
    """What a convolution and its gradients compute; a form leaves out what it does not."""

    y: np.ndarray | None = None
    dx: np.ndarray | None = None
    dk: np.ndarray | None = None


def arrays(layer, dtype, seed=0):
    """Normal numbers for input, kernel and the output's gradient: those of float32 in any dtype."""
    rng = np.random.default_rng(seed)
    shapes = (
        (layer.batch, *layer.size, layer.channels[0]),
        (layer.edge, layer.edge, *layer.channels),
        (layer.batch, *layer.out, layer.channels[1]),
    )
    return [rng.standard_normal(shape, np.float32).astype(dtype) for shape in shapes]


def by_numpy(layer, x, kernel, dy):
    """The sums as they are defined, in float64."""
    x, kernel, dy = (np.float64(a) for a in (x, kernel, dy))
    edge, stride = layer.edge, layer.stride
    # Padded by a margin that is enough for all, then seen from where the layer's own padding begins.
    margin = edge + stride
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    top, left = (margin - before for before, _ in layer.pads)
    y, dk, d_padded = np.zeros_like(dy), np.zeros_like(kernel), np.zeros_like(padded)
    for i in range(edge):
        for j in range(edge):
            rows = slice(top + i, top + i + stride * (layer.out[0] - 1) + 1, stride)
            columns = slice(left + j, left + j + stride * (layer.out[1] - 1) + 1, stride)
            seen = padded[:, rows, columns]
            y += seen @ kernel[i, j]
            dk[i, j] = np.tensordot(seen, dy, ((0, 1, 2), (0, 1, 2)))
            d_padded[:, rows, columns] += dy @ kernel[i, j].T
    return Sums(y, d_padded[:, margin:-margin, margin:-margin], dk)


def assert_sums(layer, found, expected):
    """Compares with float64, as precisely as the numbers found allow."""
    height, width = layer.out
    # So many products of normal numbers are added up. Their sum may by chance be next to nothing where
    # the layer has only one or two outputs, which is no scale to measure an error by.
    terms = Sums(
        layer.edge**2 * layer.channels[0],
        layer.edge**2 * layer.channels[1] // layer.stride**2,
        layer.batch * height * width,
    )
    for name, a, b, n in zip(Sums._fields, found, expected, terms, strict=True):
        if a is not None:
            a = np.asarray(a)
            assert a.shape == b.shape, name
            scale = max(np.max(np.abs(b)), np.sqrt(n))
            np.testing.assert_array_less(
                np.max(np.abs(a - b)) / scale, TOLERANCE[a.dtype], err_msg=f"{name} of {layer}"
            )


def check(layer, forms, dtypes=(np.float32, np.float64)):
    """Checks Sums of functions of `(layer, x, kernel, dy)`, one or more, in each precision."""
    for dtype in dtypes:
        values = arrays(layer, dtype)
        with x64(dtype == np.float64):
            found = tiny.quick_jit(lambda *values: [form(layer, *values) for form in forms])(
                *values
            )
        for sums in found:
            assert {a.dtype for a in sums if a is not None} == {np.dtype(dtype)}
            assert_sums(layer, sums, by_numpy(layer, *values))


def assert_close(found, expected, tolerance):
    """Compares trees of arrays, each relative to its largest number."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True
    ):
        a, b = np.float64(a), np.float64(b)
        assert a.shape == b.shape, path
        scale = np.max(np.abs(b), initial=0)
        error = np.max(np.abs(a - b), initial=0)
        assert error <= tolerance * scale, (jax.tree_util.keystr(path), error, scale)

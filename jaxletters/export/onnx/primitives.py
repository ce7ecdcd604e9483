"""The translation of JAX primitives to ONNX nodes, for those that the networks of `models` use."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxletters.export.onnx.graph import Graph, Value

Params = Mapping[str, Any]
"""The parameters of a primitive, and "operand", the shape of its first operand."""

_ELEMENTWISE = {
    "add": "Add",
    "div": "Div",
    "exp": "Exp",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "log": "Log",
    "logistic": "Sigmoid",
    "max": "Max",
    "mul": "Mul",
    "sub": "Sub",
    "tanh": "Tanh",
}


class UntranslatableError(Exception):
    """A function contains an operation without a translation; the message names it."""


def _require(condition: bool, operation: str) -> None:
    if not condition:
        raise UntranslatableError(f"no translation of {operation}")


def _constant(value: float) -> NDArray[np.float32]:
    return np.array([value], np.float32)


def _reshape_to(graph: Graph, x: Value, shape: Sequence[Any]) -> Value:
    """Adds a reshape; -1 stands for the symbolic batch size, as ONNX allows once."""
    sizes = [size if isinstance(size, int) else -1 for size in shape]
    _require(sizes.count(-1) <= 1, f"the shape {shape}")
    return graph.add("Reshape", x, np.array(sizes, np.int64))


def _broadcast_in_dim(graph: Graph, x: Value, params: Params) -> Value:
    shape, axes = params["shape"], params["broadcast_dimensions"]
    if isinstance(x, np.ndarray):
        # New axes of size 1 are enough, because nodes broadcast as NumPy does.
        return x.reshape([x.shape[axes.index(i)] if i in axes else 1 for i in range(len(shape))])
    sizes = dict(zip(axes, params["operand"], strict=True))
    _require(all(sizes.get(i, 1) == size for i, size in enumerate(shape)), "a repetition")
    return _reshape_to(graph, x, shape)


def _reshape(graph: Graph, x: Value, params: Params) -> Value:
    return _reshape_to(graph, x, params["new_sizes"])


def _slice(graph: Graph, x: Value, params: Params) -> Value:
    _require(params["strides"] is None, "a slice with steps")
    # The batch, of symbolic size, is not sliced.
    axes = [i for i, stop in enumerate(params["limit_indices"]) if isinstance(stop, int)]
    starts, stops = (
        np.array([params[name][i] for i in axes], np.int64)
        for name in ("start_indices", "limit_indices")
    )
    return graph.add("Slice", x, starts, stops, np.array(axes, np.int64))


def _convert(graph: Graph, x: Value, params: Params) -> Value:
    import onnx.helper

    dtype = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(params["new_dtype"]))
    return graph.add("Cast", x, to=dtype)


def _integer_power(graph: Graph, x: Value, params: Params) -> Value:
    return graph.elementwise("Pow", x, _constant(params["y"]))


def _expm1(graph: Graph, x: Value, params: Params) -> Value:  # noqa: ARG001, one signature
    return graph.elementwise("Sub", graph.elementwise("Exp", x), _constant(1))


def _select(graph: Graph, condition: Value, no: Value, yes: Value, params: Params) -> Value:  # noqa: ARG001
    return graph.elementwise("Where", condition, yes, no)


def _sum(graph: Graph, x: Value, params: Params) -> Value:
    return graph.add("ReduceSum", x, np.array(params["axes"], np.int64), keepdims=0)


def _max(graph: Graph, x: Value, params: Params) -> Value:
    return graph.add("ReduceMax", x, axes=list(params["axes"]), keepdims=0)


def _same(graph: Graph, x: Value, params: Params) -> Value:  # noqa: ARG001, one signature
    return x


def _matmul(graph: Graph, x: Value, y: Value, params: Params) -> Value:
    dimensions = params["dimension_numbers"]
    _require(dimensions == (((1,), (0,)), ((), ())), f"a product over {dimensions}")
    return graph.add("MatMul", x, y)


def _convolution(graph: Graph, x: Value, kernel: Value, params: Params) -> Value:
    layout, pads = params["dimension_numbers"], params["padding"]
    supported = {**params, "batch_group_count": 1, "lhs_dilation": (1,) * len(pads)}
    _require(params == supported, "a convolution with input dilation or batch groups")
    x = graph.transpose(x, layout.lhs_spec)
    if any(size < 0 for pad in pads for size in pad):
        x, pads = _crop(graph, x, pads)
    y = graph.add(
        "Conv",
        x,
        graph.transpose(kernel, layout.rhs_spec),
        strides=params["window_strides"],
        pads=[*(before for before, _ in pads), *(after for _, after in pads)],
        dilations=params["rhs_dilation"],
        group=params["feature_group_count"],
    )
    return graph.transpose(y, tuple(int(axis) for axis in np.argsort(layout.out_spec)))


def _crop(
    graph: Graph, x: Value, pads: Sequence[tuple[int, int]]
) -> tuple[Value, list[tuple[int, int]]]:
    """Adds a slice for negative padding, which ONNX's convolutions lack; returns the remaining padding."""
    starts = np.array([max(-before, 0) for before, _ in pads], np.int64)
    stops = np.array([min(after, 0) or np.iinfo(np.int64).max for _, after in pads], np.int64)
    x = graph.add("Slice", x, starts, stops, np.arange(2, 2 + len(pads), dtype=np.int64))
    return x, [(max(before, 0), max(after, 0)) for before, after in pads]


def _pool(graph: Graph, operation: str, x: Value, params: Params, **attributes: int) -> Value:
    window, strides = params["window_dimensions"], params["window_strides"]
    pads, ones = params["padding"], (1,) * len(window)
    _require(
        params["base_dilation"] == params["window_dilation"] == ones
        and (window[0], window[-1], strides[0], strides[-1]) == (1, 1, 1, 1)
        and pads[0] == pads[-1] == (0, 0),
        "a pooling with dilation or over channels",
    )
    channels, spatial = len(window) - 1, range(1, len(window) - 1)
    y = graph.add(
        operation,
        graph.transpose(x, (0, channels, *spatial)),
        kernel_shape=window[1:-1],
        strides=strides[1:-1],
        pads=[*(before for before, _ in pads[1:-1]), *(after for _, after in pads[1:-1])],
        **attributes,
    )
    return graph.transpose(y, (0, *range(2, len(window)), 1))


def _max_pool(graph: Graph, x: Value, params: Params) -> Value:
    return _pool(graph, "MaxPool", x, params)


def _sum_pool(graph: Graph, x: Value, params: Params) -> Value:
    mean = _pool(graph, "AveragePool", x, params, count_include_pad=1)
    return graph.elementwise("Mul", mean, _constant(math.prod(params["window_dimensions"])))


_TRANSLATORS: dict[str, Callable[..., Value]] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "conv_general_dilated": _convolution,
    "convert_element_type": _convert,
    "dot_general": _matmul,
    "expm1": _expm1,
    "integer_pow": _integer_power,
    "reduce_max": _max,
    "reduce_sum": _sum,
    "reduce_window_max": _max_pool,
    "reduce_window_sum": _sum_pool,
    "reshape": _reshape,
    "select_n": _select,
    "slice": _slice,
    "stop_gradient": _same,
}


def add_primitive(graph: Graph, name: str, inputs: list[Value], params: Params) -> Value:
    """Adds the nodes of a JAX primitive and returns their output.

    Raises:
        UntranslatableError: the primitive has no translation.
    """
    if name in _ELEMENTWISE:
        return graph.elementwise(_ELEMENTWISE[name], *inputs)
    _require(name in _TRANSLATORS, f"{name!r}")
    return _TRANSLATORS[name](graph, *inputs, params)

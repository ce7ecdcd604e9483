"""What JAX's primitives are in ONNX: those that the networks of `jaxletters.models` use."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxletters.export.onnx.graph import Graph, Value

Parameters = dict[str, Any]
"""Those of the primitive, and "operand", the shape of the first one."""

ELEMENTWISE = {
    "add": "Add",
    "div": "Div",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "logistic": "Sigmoid",
    "max": "Max",
    "mul": "Mul",
    "sub": "Sub",
    "tanh": "Tanh",
}


class UntranslatableError(Exception):
    """A function has an operation that is not translated here; its text says which."""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise UntranslatableError(f"no translation of {what}")


def _number(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def sizes(shape: tuple[Any, ...]) -> list[int]:
    """Returns a shape as ONNX has it: -1 for the batch, which may have any size."""
    found = [size if isinstance(size, int) else -1 for size in shape]
    _require(found.count(-1) <= 1, f"the shape {shape}")
    return found


def _broadcast_in_dim(graph: Graph, x: Value, parameters: Parameters) -> Value:
    shape, places = parameters["shape"], parameters["broadcast_dimensions"]
    if isinstance(x, np.ndarray):
        # Nodes broadcast by themselves, as NumPy does.
        return x.reshape(
            [x.shape[places.index(i)] if i in places else 1 for i in range(len(shape))]
        )
    kept = dict(zip(places, parameters["operand"], strict=True))
    _require(all(kept.get(i, 1) == size for i, size in enumerate(shape)), "a repetition")
    return graph.add("Reshape", x, np.array(sizes(shape), np.int64))


def _reshape(graph: Graph, x: Value, parameters: Parameters) -> Value:
    return graph.add("Reshape", x, np.array(sizes(parameters["new_sizes"]), np.int64))


def _slice(graph: Graph, x: Value, parameters: Parameters) -> Value:
    _require(parameters["strides"] is None, "a slice with steps")
    cut = {
        axis: (start, stop)
        for axis, (start, stop) in enumerate(
            zip(parameters["start_indices"], parameters["limit_indices"], strict=True)
        )
        if isinstance(stop, int)
    }
    starts, stops = (np.array(ends, np.int64) for ends in zip(*cut.values(), strict=True))
    return graph.add("Slice", x, starts, stops, np.array(list(cut), np.int64))


def _convert(graph: Graph, x: Value, parameters: Parameters) -> Value:
    import onnx.helper

    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(parameters["new_dtype"]))
    return graph.add("Cast", x, to=kind)


def _integer_power(graph: Graph, x: Value, parameters: Parameters) -> Value:
    return graph.elementwise("Pow", x, _number(parameters["y"]))


def _expm1(graph: Graph, x: Value, parameters: Parameters) -> Value:  # noqa: ARG001, one signature
    return graph.elementwise("Sub", graph.elementwise("Exp", x), _number(1))


def _select(graph: Graph, which: Value, no: Value, yes: Value, parameters: Parameters) -> Value:  # noqa: ARG001
    return graph.elementwise("Where", which, yes, no)


def _sum(graph: Graph, x: Value, parameters: Parameters) -> Value:
    return graph.add("ReduceSum", x, np.array(parameters["axes"], np.int64), keepdims=0)


def _product(graph: Graph, x: Value, y: Value, parameters: Parameters) -> Value:
    dimensions = parameters["dimension_numbers"]
    _require(dimensions == (((1,), (0,)), ((), ())), f"a product over {dimensions}")
    return graph.add("MatMul", x, y)


def _convolution(graph: Graph, x: Value, kernel: Value, parameters: Parameters) -> Value:
    order, pads = parameters["dimension_numbers"], parameters["padding"]
    plain = {**parameters, "batch_group_count": 1, "lhs_dilation": (1,) * len(pads)}
    _require(parameters == plain, "a convolution of spread images or of groups of a batch")
    x = graph.transposed(x, order.lhs_spec)
    if any(size < 0 for pad in pads for size in pad):
        x, pads = _cropped(graph, x, pads)
    y = graph.add(
        "Conv",
        x,
        graph.transposed(kernel, order.rhs_spec),
        strides=parameters["window_strides"],
        pads=[*(before for before, _ in pads), *(after for _, after in pads)],
        dilations=parameters["rhs_dilation"],
        group=parameters["feature_group_count"],
    )
    return graph.transposed(y, tuple(int(axis) for axis in np.argsort(order.out_spec)))


def _cropped(graph: Graph, x: Value, pads: Any) -> tuple[Value, Any]:
    """Takes away what a negative padding takes; ONNX's convolutions know only of adding."""
    starts = np.array([max(-before, 0) for before, _ in pads], np.int64)
    stops = np.array([min(after, 0) or np.iinfo(np.int64).max for _, after in pads], np.int64)
    x = graph.add("Slice", x, starts, stops, np.arange(2, 2 + len(pads), dtype=np.int64))
    return x, [(max(before, 0), max(after, 0)) for before, after in pads]


def _pooled(graph: Graph, operation: str, x: Value, parameters: Parameters, **more: int) -> Value:
    window, strides = parameters["window_dimensions"], parameters["window_strides"]
    pads, ones = parameters["padding"], (1,) * len(window)
    _require(
        parameters["base_dilation"] == parameters["window_dilation"] == ones
        and (window[0], window[-1], strides[0], strides[-1]) == (1, 1, 1, 1)
        and pads[0] == pads[-1] == (0, 0),
        "a pooling of spread images or over channels",
    )
    last, inner = len(window) - 1, range(1, len(window) - 1)
    y = graph.add(
        operation,
        graph.transposed(x, (0, last, *inner)),
        kernel_shape=window[1:-1],
        strides=strides[1:-1],
        pads=[*(before for before, _ in pads[1:-1]), *(after for _, after in pads[1:-1])],
        **more,
    )
    return graph.transposed(y, (0, *range(2, len(window)), 1))


def _max_pool(graph: Graph, x: Value, parameters: Parameters) -> Value:
    return _pooled(graph, "MaxPool", x, parameters)


def _sum_pool(graph: Graph, x: Value, parameters: Parameters) -> Value:
    mean = _pooled(graph, "AveragePool", x, parameters, count_include_pad=1)
    return graph.elementwise("Mul", mean, _number(math.prod(parameters["window_dimensions"])))


OTHERS: dict[str, Callable[..., Value]] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "conv_general_dilated": _convolution,
    "convert_element_type": _convert,
    "dot_general": _product,
    "expm1": _expm1,
    "integer_pow": _integer_power,
    "reduce_sum": _sum,
    "reduce_window_max": _max_pool,
    "reduce_window_sum": _sum_pool,
    "reshape": _reshape,
    "select_n": _select,
    "slice": _slice,
}


def node(graph: Graph, name: str, inputs: list[Value], parameters: Parameters) -> Value:
    """Adds what one of JAX's primitives is in ONNX, and returns what it gives.

    Raises:
        UntranslatableError: it is not known here.
    """
    if name in ELEMENTWISE:
        return graph.elementwise(ELEMENTWISE[name], *inputs)
    _require(name in OTHERS, f"{name!r}")
    return OTHERS[name](graph, *inputs, parameters)

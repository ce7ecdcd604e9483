"""From a function of images to an ONNX model: what JAX traces, primitive by primitive."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend
import numpy as np

from jaxletters.export import stablehlo
from jaxletters.export.onnx import primitives
from jaxletters.export.onnx.graph import Graph, Tensor, Value

# Where a primitive is a call of a function, under which parameter that is.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
# Of JAX before 0.8, where it says of a constant on which device it should be.
_IDENTITIES = ("device_put",)


def model(
    read: Callable[[jax.Array], jax.Array], shape: tuple[int, ...], class_names: Sequence[str]
) -> bytes:
    """Returns an ONNX model of a function from uint8 images `[b, h, w]` to logits `[b, classes]`.

    Its input is called "images", its output "logits"; the batch may have any size. The names of the
    classes are kept in its properties, as JSON.

    Raises:
        UntranslatableError: the function has a primitive that has no translation here.
    """
    images = stablehlo.images(shape)
    closed = jax.make_jaxpr(read)(images)
    graph = Graph()
    (result,) = _run(graph, closed, [Tensor("images")])
    facts = {"class_names": json.dumps(list(class_names), ensure_ascii=False)}
    (logits,) = closed.out_avals
    return graph.model(
        tuple(map(_name, images.shape)), result, tuple(map(_name, logits.shape)), facts
    )


def _name(size: Any) -> int | str:
    """A size as ONNX has it in the types of a graph's ends: a number, or the name of any number."""
    return size if isinstance(size, int) else str(size)


def _run(graph: Graph, closed: Any, inputs: Sequence[Value]) -> list[Value]:
    """Adds the nodes of a jaxpr, closed or not, and returns its results."""
    jaxpr = getattr(closed, "jaxpr", closed)
    constants = [np.asarray(constant) for constant in getattr(closed, "consts", ())]
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *inputs], strict=True))

    def value(atom: Any) -> Value:
        if isinstance(atom, jax.extend.core.Literal):
            return np.asarray(atom.val, jax.dtypes.result_type(atom.val))
        return known[atom]

    for equation in jaxpr.eqns:
        results = _results(graph, equation, [value(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, results, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _results(graph: Graph, equation: Any, inputs: list[Value]) -> list[Value]:
    name, parameters = equation.primitive.name, equation.params
    if name in _CALLS:
        return _run(graph, parameters[_CALLS[name]], inputs)
    if name in _IDENTITIES:
        return inputs
    constants = [x for x in inputs if isinstance(x, np.ndarray)]
    sizes = [size for out in equation.outvars for size in out.aval.shape]
    if len(constants) == len(inputs) and all(isinstance(size, int) for size in sizes):
        return [np.asarray(equation.primitive.bind(*constants, **parameters))]
    operand = equation.invars[0].aval.shape
    return [primitives.node(graph, name, inputs, {**parameters, "operand": operand})]

"""Translating a function of images to an ONNX model: JAX traces it, and each primitive becomes nodes."""

import json
from collections.abc import Sequence
from typing import Any

import jax
import jax.extend
import numpy as np

from jaxletters.evaluation.conformal import Calibration
from jaxletters.export import stablehlo
from jaxletters.export.onnx import primitives
from jaxletters.export.onnx.graph import Graph, Size, Tensor, Value

# Primitives that call a jaxpr, and the parameter that holds it.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}
# Before 0.8, JAX traced the placement of constants.
_IDENTITIES = ("device_put",)


def translate(
    logits: stablehlo.LogitsFn,
    shape: tuple[int, ...],
    class_names: Sequence[str],
    calibration: Calibration | None = None,
    non_letter: int | None = None,
    unused: Sequence[int] = (),
) -> bytes:
    """Returns the ONNX model of a function from uint8 images `[b, *shape]` to logits `[b, classes]`.

    Its input is "images", its output "logits", for any batch size. Its metadata has, as JSON, "class_names",
    and as in the card of a bundle "non_letter" and "unused", the labels that are no answer, and
    "calibration", if there is one.

    Raises:
        UntranslatableError: a primitive of the function has no translation.
    """
    images = stablehlo.image_spec(shape)
    closed_jaxpr = jax.make_jaxpr(logits)(images)
    graph = Graph()
    (output,) = _add_jaxpr(graph, closed_jaxpr, [Tensor("images")])
    (logits_aval,) = closed_jaxpr.out_avals
    properties = {
        "class_names": json.dumps(list(class_names), ensure_ascii=False),
        "non_letter": json.dumps(non_letter),
        "unused": json.dumps(list(unused)),
    }
    if calibration:
        properties["calibration"] = json.dumps(calibration.as_dict())
    return graph.serialize(_sizes(images.shape), output, _sizes(logits_aval.shape), properties)


def _sizes(shape: Sequence[Any]) -> list[Size]:
    """Returns a shape for ONNX, in which a symbolic size is its name."""
    return [size if isinstance(size, int) else str(size) for size in shape]


def _add_jaxpr(graph: Graph, closed_jaxpr: Any, inputs: Sequence[Value]) -> list[Value]:
    """Adds the nodes of a jaxpr, closed or not, and returns its outputs."""
    jaxpr = getattr(closed_jaxpr, "jaxpr", closed_jaxpr)
    constants = [np.asarray(constant) for constant in getattr(closed_jaxpr, "consts", ())]
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *inputs], strict=True))

    def value(atom: Any) -> Value:
        if isinstance(atom, jax.extend.core.Literal):
            return np.asarray(atom.val, jax.dtypes.result_type(atom.val))
        return values[atom]

    for equation in jaxpr.eqns:
        outputs = _add_equation(graph, equation, [value(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, outputs, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _add_equation(graph: Graph, equation: Any, inputs: list[Value]) -> list[Value]:
    name, params = equation.primitive.name, equation.params
    if name in _CALLS:
        return _add_jaxpr(graph, params[_CALLS[name]], inputs)
    if name in _IDENTITIES:
        return inputs
    constants = [x for x in inputs if isinstance(x, np.ndarray)]
    sizes = [size for out in equation.outvars for size in out.aval.shape]
    if len(constants) == len(inputs) and all(isinstance(size, int) for size in sizes):
        return [np.asarray(equation.primitive.bind(*constants, **params))]
    operand = equation.invars[0].aval.shape
    return [primitives.add_primitive(graph, name, inputs, {**params, "operand": operand})]

"""An ONNX graph under construction: its nodes and constants, and the removal of unused ones."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

# Of 2021 and 2022: old enough for every runtime, new enough for every operation.
_OPSET, _IR_VERSION = 17, 8

Axes = tuple[int, ...]
Size = int | str
"""The size of an axis: a number, or the name of a size that is not fixed."""


class Tensor(NamedTuple):
    """The output of a node.

    Attributes:
        name: in the graph.
        transposed_from: if the node is a transposition, its input and the order of the axes.
    """

    name: str
    transposed_from: "tuple[Tensor, Axes] | None" = None


Value = Tensor | NDArray[Any]
"""An input of a node: the output of another node, or a constant."""


class Graph:
    """Nodes in the order of computation."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._names: dict[tuple[str, Axes, bytes], str] = {}

    def add(self, operation: str, *inputs: Value, **attributes: Any) -> Tensor:
        """Adds a node and returns its output."""
        import onnx.helper

        name = f"{operation.lower()}_{len(self._nodes) + 1}"
        names = [self._name(x) for x in inputs]
        self._nodes.append(onnx.helper.make_node(operation, names, [name], name=name, **attributes))
        return Tensor(name)

    def transpose(self, x: Value, axes: Axes) -> Value:
        """Returns `x` with its axes in another order; composes consecutive transpositions."""
        if isinstance(x, np.ndarray):
            return x.transpose(axes)
        if x.transposed_from:
            x, first = x.transposed_from
            axes = tuple(first[axis] for axis in axes)
        if axes == tuple(range(len(axes))):
            return x
        return self.add("Transpose", x, perm=axes)._replace(transposed_from=(x, axes))

    def elementwise(self, operation: str, *inputs: Value) -> Value:
        """Adds an elementwise node and returns its output; NumPy's broadcasting applies.

        The node goes before a transposition that all inputs share. ONNX's convolutions have channels first,
        and this lets them follow each other without transpositions in between.
        """
        orders = {
            x.transposed_from[1] if x.transposed_from else None
            for x in inputs
            if isinstance(x, Tensor)
        }
        order = orders.pop() if len(orders) == 1 else None
        if order is None:
            return self.add(operation, *inputs)
        inverse = tuple(int(axis) for axis in np.argsort(order))
        untransposed = [
            x.reshape((1,) * (len(order) - x.ndim) + x.shape).transpose(inverse)
            if isinstance(x, np.ndarray)
            else self.transpose(x, inverse)
            for x in inputs
        ]
        return self.transpose(self.add(operation, *untransposed), order)

    def serialize(
        self,
        image_shape: Sequence[Size],
        output: Value,
        logits_shape: Sequence[Size],
        properties: Mapping[str, str],
    ) -> bytes:
        """Returns the serialized model of the nodes, after ONNX's own check.

        Args:
            image_shape: of the graph's input, the uint8 Tensor "images".
            output: becomes the graph's output under the name "logits".
            logits_shape: of the output, float32.
            properties: stored in the model as its metadata.
        """
        import onnx
        import onnx.helper
        import onnx.numpy_helper

        self._nodes.append(onnx.helper.make_node("Identity", [self._name(output)], ["logits"]))
        nodes = self._live_nodes()
        used = {name for node in nodes for name in node.input}
        graph = onnx.helper.make_graph(
            nodes,
            "network",
            [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, image_shape)],
            [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, logits_shape)],
            [
                onnx.numpy_helper.from_array(array, name)
                for name, array in self._constants.items()
                if name in used
            ],
        )
        opsets = [onnx.helper.make_opsetid("", _OPSET)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, producer_name="jaxletters")
        model.ir_version = _IR_VERSION
        onnx.helper.set_model_props(model, dict(properties))
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)

    def _name(self, x: Value) -> str:
        """Returns the name of a tensor, or of a constant; equal constants are stored once."""
        if isinstance(x, Tensor):
            return x.name
        key = x.dtype.str, x.shape, x.tobytes()
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names) + 1}"
            self._constants[self._names[key]] = x
        return self._names[key]

    def _live_nodes(self) -> "list[onnx.NodeProto]":
        """Returns the nodes that the output depends on."""
        used, live = {"logits"}, list["onnx.NodeProto"]()
        for node in reversed(self._nodes):
            if used.intersection(node.output):
                used.update(node.input)
                live.append(node)
        return live[::-1]

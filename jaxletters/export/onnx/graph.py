"""An ONNX graph under construction: its nodes, its constants, and what is left out of both."""

from typing import Any, NamedTuple

import numpy as np

# Of 2021 and 2022: old enough for every runtime, new enough for every operation.
_OPSET, _IR_VERSION = 17, 8


class Tensor(NamedTuple):
    """What a node gives.

    Attributes:
        name: in the graph.
        origin: the tensor that this one is a transposition of, and how; None if it is of none.
    """

    name: str
    origin: "tuple[Tensor, tuple[int, ...]] | None" = None


Value = Tensor | np.ndarray
"""What an operation takes: a node's result, or a constant."""


class Graph:
    """Nodes in the order of computation."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, np.ndarray] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(self, operation: str, *inputs: Value, **attributes: Any) -> Tensor:
        """Adds a node and returns what it gives."""
        import onnx.helper

        name = f"{operation.lower()}_{len(self._nodes) + 1}"
        names = [self._name(x) for x in inputs]
        self._nodes.append(onnx.helper.make_node(operation, names, [name], name=name, **attributes))
        return Tensor(name)

    def transposed(self, x: Value, axes: tuple[int, ...]) -> Value:
        """Returns `x` with its axes in another order; two such after each other are one, or none."""
        if isinstance(x, np.ndarray):
            return x.transpose(axes)
        if x.origin:
            x, before = x.origin
            axes = tuple(before[axis] for axis in axes)
        if axes == tuple(range(len(axes))):
            return x
        return self.add("Transpose", x, perm=axes)._replace(origin=(x, axes))

    def elementwise(self, operation: str, *inputs: Value) -> Value:
        """Adds a node that works number by number, on arrays that NumPy could broadcast.

        It is put before a transposition that all inputs share, so that convolutions, which ONNX has with
        channels first, follow each other without any.
        """
        orders = {x.origin[1] if x.origin else None for x in inputs if isinstance(x, Tensor)}
        order = orders.pop() if len(orders) == 1 else None
        if order is None:
            return self.add(operation, *inputs)
        back = tuple(int(axis) for axis in np.argsort(order))
        before = [
            x.reshape((1,) * (len(order) - x.ndim) + x.shape).transpose(back)
            if isinstance(x, np.ndarray)
            else self.transposed(x, back)
            for x in inputs
        ]
        return self.transposed(self.add(operation, *before), order)

    def model(
        self, images: tuple[Any, ...], result: Value, logits: tuple[Any, ...], facts: dict[str, str]
    ) -> bytes:
        """Returns the serialized model of what has been added, checked.

        Args:
            images: shape of the graph's input, uint8, which is the Tensor "images".
            result: what the graph gives; its name becomes "logits".
            logits: its shape, float32.
            facts: kept in the model under their names.
        """
        import onnx
        import onnx.helper
        import onnx.numpy_helper

        self._nodes.append(onnx.helper.make_node("Identity", [self._name(result)], ["logits"]))
        nodes = self._needed()
        read = {name for node in nodes for name in node.input}
        graph = onnx.helper.make_graph(
            nodes,
            "network",
            [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, images)],
            [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, logits)],
            [
                onnx.numpy_helper.from_array(array, name)
                for name, array in self._constants.items()
                if name in read
            ],
        )
        opsets = [onnx.helper.make_opsetid("", _OPSET)]
        made = onnx.helper.make_model(graph, opset_imports=opsets, producer_name="jaxletters")
        made.ir_version = _IR_VERSION
        onnx.helper.set_model_props(made, facts)
        onnx.checker.check_model(made, full_check=True)
        return made.SerializeToString(deterministic=True)

    def _name(self, x: Value) -> str:
        """A tensor's name, or that of a constant, which is kept once however often it is used."""
        if isinstance(x, Tensor):
            return x.name
        key = x.dtype.str, x.shape, x.tobytes()
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names) + 1}"
            self._constants[self._names[key]] = x
        return self._names[key]

    def _needed(self) -> list[Any]:
        """The nodes without those that nothing reads any more."""
        read, needed = {"logits"}, []
        for node in reversed(self._nodes):
            if read.intersection(node.output):
                read.update(node.input)
                needed.append(node)
        return needed[::-1]

"""Translating a jaxpr to an ONNX graph, for the primitives that the networks of this project use."""

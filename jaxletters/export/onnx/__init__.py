"""From a jaxpr to an ONNX graph.

Only the primitives that networks use are translated.
"""

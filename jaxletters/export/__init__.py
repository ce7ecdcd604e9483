"""From a finished run to a bundle: a StableHLO program, an ONNX model, weights and a card, each verified.

Reading a bundle belongs to `reading`.
"""

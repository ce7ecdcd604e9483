"""Writing the bundle of a finished run: StableHLO program, ONNX model, weights and card, each verified.

Loading a bundle belongs to `reading`.
"""

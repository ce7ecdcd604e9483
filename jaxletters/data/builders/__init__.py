"""TFDS builders of this package's own datasets, which need no TensorFlow.

Datasets of other builders are read by `data.sources`.
"""

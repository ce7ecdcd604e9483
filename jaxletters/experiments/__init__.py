"""Experiments: short compositions of data, training, evaluation and report, one module for each kind.

How a step, a split or a figure is computed belongs to the folders above.
"""

"""Experiments: short compositions of data, training, evaluation and report, one module for each kind.

They compute no step, no split and no metric: `training`, `data` and `evaluation` do.
"""

"""Experiments: short compositions of data, training, evaluation and report, one module for each kind.

The computation of a step, a split or a figure belongs to the folders before this one.
"""

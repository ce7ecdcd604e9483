"""Experiments: short compositions of the loop and the pure pieces, one module each."""

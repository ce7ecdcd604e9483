"""Pages, charts and image grids of finished runs.

All numbers come from `evaluation`; this folder computes no accuracy.
"""

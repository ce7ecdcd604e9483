"""Pages, charts and image grids of finished runs.

The figures come from `evaluation`; nothing here computes an accuracy.
"""

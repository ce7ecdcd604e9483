"""Letters drawn by code from a seed, so that everything runs without a download.

Augmentation of existing images belongs to `training`.
"""

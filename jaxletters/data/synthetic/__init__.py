"""Letters drawn by code from a seed, so that everything runs without a download.

Augmentation of images that exist belongs to `training`.
"""

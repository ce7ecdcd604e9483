"""Datasets as uint8 images and int32 labels: sources, file formats, splits and checks.

The order of examples and augmentation, which depend on the training step, belong to `training`.
"""

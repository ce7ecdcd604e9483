"""From files to uint8 images and int32 labels: sources, formats, splits and checks of data.

What changes with the step of training (order, augmentation) belongs to `training`.
"""

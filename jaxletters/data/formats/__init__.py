"""File formats of images and labels: bytes to arrays, found by content.

Nothing here knows a dataset by name.
"""

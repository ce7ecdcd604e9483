"""Readers for file formats of images and labels, and the conversion of their arrays to one form.

The format of a file follows from its content. Downloads, caches and folders belong to `data.sources`.
"""

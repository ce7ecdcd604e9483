"""The process and its machine: files, the terminal, signals, devices and how XLA compiles.

Nothing here knows what a run, a dataset or a network is.
"""

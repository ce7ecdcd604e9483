"""The process and its machine: files, the terminal, signals, devices and XLA's options.

Modules here know nothing of runs, datasets or networks.
"""

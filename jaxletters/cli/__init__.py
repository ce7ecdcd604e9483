"""The command lines: `launch.py` and `jaxletters`; flags to a config, errors to exit codes.

What a command does beyond parsing and printing belongs to the folders above.
"""

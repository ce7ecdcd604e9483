"""What every other folder may import: the error a user can correct, the values that flow, random keys.

Nothing here imports another folder of the package, reads a file or knows a setting.
"""

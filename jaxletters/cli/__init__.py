"""The command lines `launch.py` and `jaxletters`: flags become a config, errors become exit codes.

Commands parse and print; the work belongs to the folders before this one.
"""

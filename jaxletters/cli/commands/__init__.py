"""What the command `jaxletters` does, a module for each of its subcommands.

Each has `HELP`, a line; `arguments(parser)`, which declares what it takes; and `run(known, words)`, which
does it, with the arguments that its parser knows and all others. What is slow to import is imported there,
because a mistyped flag should not cost that time.
"""

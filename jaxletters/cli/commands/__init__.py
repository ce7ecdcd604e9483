"""The subcommands of `jaxletters`, one module each.

Each module has `HELP`, one line; `add_arguments(parser)`; and `run(args)`, which raises a UserError for
errors that the user can correct. Slow imports are in `run`, so that a mistyped flag is reported at once.
"""

"""Trains what a config describes: `python launch.py --config configs/quickstart.py`.

Run the same command again after an interruption and it goes on. Exit codes: 0 the work is done; 2 there
is something to mend, which one line per problem explains; 75 it was interrupted and saved.
"""

import sys

from jaxletters.cli import command_line
from jaxletters.config import serialization
from jaxletters.runtime import log_filter, preemption


def main() -> int:
    """Runs the command line and returns the exit code."""
    preemption.install()
    log_filter.install()
    return command_line.exit_code(_run)


def _run() -> None:
    config, workdir = command_line.parse(sys.argv[1:])
    # Here, because importing JAX takes seconds, which a mistyped flag should not cost.
    from jaxletters.runtime import xla

    # Before the other imports, which may start threads.
    xla.configure()
    from jaxletters.experiments import dispatch

    if limit := serialization.parse_duration(getattr(config, "time_limit", "")):
        preemption.set_time_limit(limit)
    dispatch.run(config, workdir)


if __name__ == "__main__":
    preemption.exit_process(main())

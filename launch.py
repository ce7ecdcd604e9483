"""Trains what a config describes: `python launch.py --config configs/quickstart.py`.

Run the same command again after an interruption and it goes on. Exit codes: 0 the work is done; 2 there
is something to mend, which one line per problem explains; 75 it was interrupted and saved.
"""

import sys

from jaxletters import commandline, preempt, quiet, settings


def main() -> int:
    """Runs the command line and returns the exit code."""
    preempt.install()
    quiet.for_good()
    return commandline.exit_code(_run)


def _run() -> None:
    config, workdir = commandline.parse(sys.argv[1:])
    # Here, because importing JAX takes seconds, which a mistyped flag should not cost.
    from jaxletters import backend

    # Before the other imports, which may start threads.
    backend.prepare()
    from jaxletters.experiments import dispatch

    if limit := settings.seconds(getattr(config, "time_limit", "")):
        preempt.stop_after(limit)
    dispatch.run(config, workdir)


if __name__ == "__main__":
    preempt.leave(main())

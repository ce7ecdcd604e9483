"""Runs the experiment of a config: `python launch.py --config configs/quickstart.py`.

Run the same command again to continue after an interruption. Exit codes: 0 for a finished run; 2 for errors
that the user can correct, one line each; 75 for a run that was interrupted and saved.
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
    command = command_line.parse(sys.argv[1:])
    # Imported here, because importing JAX takes seconds, and a mistyped flag should be reported at once.
    from jaxletters.runtime import xla

    # Before the other imports, which may start threads.
    xla.configure()
    from jaxletters.cli import several_processes
    from jaxletters.experiments import dispatch
    from jaxletters.runtime import processes

    if command.processes:
        processes.join(command.processes, owns_process=True)
    time_limit = getattr(command.config, "time_limit", "")
    if processes.is_first() and (limit := serialization.parse_duration(time_limit)):
        preemption.set_time_limit(limit)
    if processes.team() is None:
        dispatch.run(command.config, command.workdir)
    else:
        several_processes.run(command)


if __name__ == "__main__":
    preemption.exit_process(main())

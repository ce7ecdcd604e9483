"""Runs the experiment of a config: `python launch.py --config configs/quickstart.py`.

Run the same command again to continue after an interruption. Exit codes: 0 for a finished run; 2 for errors
that the user can correct, one line each; 75 for a run that was interrupted and saved.
"""

import sys

from jaxletters.cli import command_line
from jaxletters.config import serialization
from jaxletters.core.errors import UserError
from jaxletters.runtime import log_filter, preemption
from jaxletters.runtime.preemption import Interrupted


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
    from jaxletters.experiments import dispatch
    from jaxletters.runtime import processes, programs, stderr_filter

    if command.processes:
        processes.join(command.processes)
        if not processes.is_first():
            stderr_filter.install(preemption.resume_message("Process 1 ended or cannot be reached"))
    time_limit = getattr(command.config, "time_limit", "")
    if processes.is_first() and (limit := serialization.parse_duration(time_limit)):
        preemption.set_time_limit(limit)
    try:
        dispatch.run(command.config, command.workdir)
    except programs.Lost as loss:
        # The others are not there to part from.
        stderr_filter.print_loss(preemption.resume_message(str(loss)))
        preemption.exit_now(preemption.EXIT_CODE)
    except (UserError, Interrupted) as end:
        if processes.is_first():
            raise
        # The first process has told it.
        processes.part()
        preemption.exit_now(2 if isinstance(end, UserError) else preemption.EXIT_CODE)
    finally:
        processes.part()


if __name__ == "__main__":
    preemption.exit_process(main())

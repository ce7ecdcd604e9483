"""Runs the experiment of a config: `python launch.py --config configs/quickstart.py`.

Run the same command again to continue after an interruption. Exit codes: 0 for a finished run; 2 for errors
that the user can correct, one line each; 75 for a run that was interrupted and saved.
"""

import sys
import traceback
from typing import NoReturn

from jaxletters.cli import command_line
from jaxletters.cli.command_line import Command
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
    from jaxletters.experiments import dispatch
    from jaxletters.runtime import processes

    if command.processes:
        processes.join(command.processes, filter_stderr=True)
    time_limit = getattr(command.config, "time_limit", "")
    if processes.is_first() and (limit := serialization.parse_duration(time_limit)):
        preemption.set_time_limit(limit)
    if processes.team() is None:
        dispatch.run(command.config, command.workdir)
    else:
        _run_with_others(command)


def _run_with_others(command: Command) -> NoReturn:
    """Runs the experiment in several processes, and ends this one."""
    from jaxletters.experiments import dispatch
    from jaxletters.runtime import processes, programs, stderr_filter

    def run() -> None:
        try:
            dispatch.run(command.config, command.workdir)
        except programs.Lost as loss:
            stderr_filter.print_loss(preemption.resume_message(str(loss)))
            preemption.exit_now(preemption.EXIT_CODE)

    try:
        code = command_line.exit_code(run, quiet=not processes.is_first())
    except Exception:
        traceback.print_exc()
        code = 1
    processes.part()
    preemption.exit_now(code)


if __name__ == "__main__":
    preemption.exit_process(main())

"""The end of `launch.py` in a run of several processes: one line, one exit code, nobody kept waiting."""

import traceback
from typing import NoReturn

from jaxletters.cli import command_line
from jaxletters.cli.command_line import Command
from jaxletters.experiments import dispatch
from jaxletters.runtime import preemption, processes, programs, stderr_filter


def run(command: Command) -> NoReturn:
    """Runs the experiment together with the other processes, and ends this one."""

    def dispatch_and_report_loss() -> None:
        try:
            dispatch.run(command.config, command.workdir)
        except programs.Lost as loss:
            stderr_filter.print_loss(preemption.resume_message(str(loss)))
            preemption.exit_now(preemption.EXIT_CODE)

    try:
        # The first process prints the errors that all have.
        code = command_line.exit_code(dispatch_and_report_loss, quiet=not processes.is_first())
    except Exception:
        traceback.print_exc()
        code = 1
    processes.part()
    preemption.exit_now(code)

"""The command line of `launch.py`, and what both command lines share: the parser and exit codes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from jaxletters.config import configfile, overrides
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError, printable
from jaxletters.runs import workdir
from jaxletters.runtime import files, preemption
from jaxletters.runtime.preemption import EXIT_CODE, Interrupted


class Parser(argparse.ArgumentParser):
    """A parser that raises a UserError."""

    def error(self, message: str) -> NoReturn:
        """Raises a UserError."""
        raise UserError(f"{printable(message)}; see {self.prog} --help")


def exit_code(action: Callable[[], object], quiet: bool = False) -> int:
    """Runs an action, prints the user's errors and returns the exit code of the process.

    Args:
        action: what to run.
        quiet: whether to print no error, because another process prints it.
    """
    try:
        action()
    except UserError as error:
        lines = () if quiet else str(error).splitlines()
        for line in lines:
            print(f"error: {line}", file=sys.stderr)
        return 2
    except OSError as error:
        if (reason := files.disk_error(error)) is None:
            raise
        place = error.filename or "a file"
        print(f"error: {place}: {reason}; correct that, or choose another folder", file=sys.stderr)
        return 2
    except Interrupted as interruption:
        if not quiet:
            preemption.print_stderr(preemption.resume_message(str(interruption)))
        return EXIT_CODE
    except KeyboardInterrupt:
        # Of a command without `preemption`, which has nothing to save.
        return EXIT_CODE
    return 0


class Command(NamedTuple):
    """The arguments of `launch.py`.

    Attributes:
        config: the experiment.
        workdir: the run folder.
        processes: how this process finds the others of the run, as for `processes.join`; "" if there are
            no others.
    """

    config: Experiment
    workdir: Path
    processes: str


def parse(argv: Sequence[str]) -> Command:
    """Returns the arguments of `launch.py`.

    Args:
        argv: `--config FILE`, any number of `--config.KEY=VALUE`, and optionally `--workdir FOLDER` and
            `--processes auto`.

    Raises:
        UserError: a config file or an override is invalid.
    """
    parser = Parser(
        prog="launch.py",
        description="Run an experiment, or continue an interrupted run.",
        epilog="Any setting of the config can be overridden: --config.optimizer.learning_rate=3e-4",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=files.expand_user,
        required=True,
        help=configfile.available(),
    )
    parser.add_argument(
        "--workdir",
        metavar="FOLDER",
        type=files.expand_user,
        help="the run folder (checkpoints/<config's name>)",
    )
    parser.add_argument(
        "--processes",
        metavar="HOW",
        default="",
        help="run with the same command in other processes: auto, or 1/4@HOST:PORT to 4/4@HOST:PORT",
    )
    args, words = parser.parse_known_args(argv)
    config = overrides.apply(configfile.load(args.config), words)
    return Command(config, args.workdir or workdir.default(args.config), args.processes)

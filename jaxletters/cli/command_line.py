"""From the command line to a config and the folder to run it in."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from jaxletters.config import configfile, overrides
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError, printable
from jaxletters.runs import workdir
from jaxletters.runtime import files, preemption
from jaxletters.runtime.preemption import EXIT_CODE, Interrupted


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        """Raises a UserError."""
        raise UserError(f"{printable(message)}; see {self.prog} --help")


def path(word: str) -> Path:
    """Returns the path that a word names; a shell leaves the ~ of --workdir=~/runs as it is."""
    return files.expand_user(word)


def nothing_more(words: Sequence[str]) -> None:
    """Raises a UserError if there are arguments that no parser knows."""
    if words:
        raise UserError(f"unknown argument {printable(words[0])}; see --help")


def exit_code(action: Callable[[], object]) -> int:
    """Returns what the process exits with after an action; an error of the user's is printed."""
    try:
        action()
    except UserError as error:
        print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
        return 2
    except OSError as error:
        if (why := files.disk_error(error)) is None:
            raise
        where = error.filename or "a file"
        print(f"error: {where}: {why}; mend that, or choose another folder", file=sys.stderr)
        return 2
    except Interrupted as interruption:
        preemption.print_stderr(preemption.resume_message(str(interruption)))
        return EXIT_CODE
    except KeyboardInterrupt:
        # Of a command that did not install `preempt`, and so has nothing to save.
        return EXIT_CODE
    return 0


def parse(argv: Sequence[str]) -> tuple[Experiment, Path]:
    """Returns the config and the run folder that a command line asks for.

    Args:
        argv: the arguments after the program's name: `--config FILE`, any number of
            `--config.KEY=VALUE`, and optionally `--workdir FOLDER`.

    Raises:
        UserError: a config file that cannot be used, or overrides that do not fit it.
    """
    parser = Parser(
        prog="launch.py",
        description="Run an experiment, or go on where it was interrupted.",
        epilog="Any setting of the config can be overridden: --config.optimizer.learning_rate=3e-4",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", metavar="FILE", type=path, required=True, help=configfile.available()
    )
    parser.add_argument(
        "--workdir",
        metavar="FOLDER",
        type=path,
        help="the run folder (checkpoints/<config's name>)",
    )
    known, words = parser.parse_known_args(argv)
    config = overrides.apply(configfile.load(known.config), words)
    return config, known.workdir or workdir.default(known.config)

"""The command `jaxletters`: everything before and after training."""

import sys
from collections.abc import Sequence

from jaxletters.cli import command_line
from jaxletters.cli.commands import (
    demo,
    export,
    inspect,
    new,
    predict,
    report,
    runs,
    sheet,
    suspects,
    teach,
    wandb,
)
from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import log_filter

_COMMANDS = {
    "new": new,
    "inspect": inspect,
    "runs": runs,
    "report": report,
    "predict": predict,
    "demo": demo,
    "export": export,
    "suspects": suspects,
    "sheet": sheet,
    "teach": teach,
    "wandb": wandb,
}


def main() -> int:
    """Runs the command line and returns the exit code, as `launch.py` does."""
    log_filter.install()
    return command_line.exit_code(lambda: _run(sys.argv[1:]))


def _run(argv: Sequence[str]) -> None:
    parser = command_line.Parser(prog="jaxletters", description=__doc__, allow_abbrev=False)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, command in _COMMANDS.items():
        command.add_arguments(
            subparsers.add_parser(
                name, help=command.HELP, description=command.__doc__, allow_abbrev=False
            )
        )
    args, unknown = parser.parse_known_args(argv)
    if args.command == "inspect":
        args.overrides = unknown
    elif unknown:
        raise UserError(f"unknown argument {printable(unknown[0])}; see --help")
    _COMMANDS[args.command].run(args)


if __name__ == "__main__":
    sys.exit(main())

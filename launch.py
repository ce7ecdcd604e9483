"""Trains what a config describes: `python launch.py --config configs/quickstart.py`.

Run the same command again after an interruption and it goes on. Exit codes: 0 the work is done; 2 there
is something to mend, which one line per problem explains; 75 it was interrupted and saved.
"""

import sys

from jaxletters import commandline
from jaxletters.errors import UserError
from jaxletters.preempt import EXIT_CODE, Interrupted


def main() -> int:
    """Runs the command line and returns the exit code."""
    try:
        config, workdir = commandline.parse(sys.argv[1:])
        # Here, because importing JAX takes seconds, which a mistyped flag should not cost.
        from jaxletters import backend

        # Before the other imports, which may start threads.
        backend.prepare()
        from jaxletters.experiments import train

        train.run(config, workdir)
    except UserError as error:
        print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
        return 2
    except Interrupted as interruption:
        print(f"{interruption}; the same command goes on from there.", file=sys.stderr)
        return EXIT_CODE
    except KeyboardInterrupt:
        # While training, a signal ends in Interrupted instead.
        print("Interrupted outside training; the same command goes on from there.", file=sys.stderr)
        return EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main())

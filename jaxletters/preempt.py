"""SIGTERM and Ctrl-C as a request to save and leave, rather than an end."""

import os
import signal
import sys
from types import FrameType

EXIT_CODE = 75
"""What the process exits with when it was interrupted and can go on: EX_TEMPFAIL of sysexits.h."""


class Interrupted(Exception):  # noqa: N818, an event, not an error
    """The run was asked to stop, saved what it had and can be started again."""


class Guard:
    """While entered, the first SIGTERM or SIGINT only sets `requested`; a second SIGINT ends at once.

    Orbax has a hook for preemption, but in a single process it never fires.
    """

    requested: bool = False

    def __enter__(self) -> "Guard":
        self._before = {
            s: signal.signal(s, self._on_signal) for s in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.requested and number == signal.SIGINT:
            os._exit(EXIT_CODE)
        self.requested = True
        # os.write, because a handler may run in the middle of a buffered write to the same stream.
        text = (
            f"\n{signal.Signals(number).name}: saving, then leaving (Ctrl-C again: leave at once)\n"
        )
        os.write(sys.stderr.fileno(), text.encode())

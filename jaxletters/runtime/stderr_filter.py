"""Replaces what JAX prints when it aborts a process that has lost the first one of its run.

JAX aborts it in C++, with a stack trace, before Python learns of the loss. The text goes through a child
process that outlives the abort.
"""

import os
import subprocess
import sys

from jaxletters.runtime import preemption

_ABORT = "JAX distributed service detected fatal errors"
# Reads the standard error of its parent until the end. C++ writes logs there, which begin with a letter for
# the severity; only fatal errors are passed on.
_CHILD = """
import sys
abort, line, fatal = sys.argv[1], sys.argv[2], False
for text in sys.stdin:
    if abort in text:
        print(line, file=sys.stderr)
        break
    fatal = fatal or text.startswith("F")
    if fatal:
        sys.stderr.write(text)
for text in sys.stdin:
    pass
"""


_installed = False


def install(line: str) -> None:
    """Discards what C++ code writes to standard error, but for fatal errors.

    Python's own errors appear as before.

    Args:
        line: printed instead of JAX's message about the loss of the first process.
    """
    global _installed
    number = sys.stderr.fileno()
    shown = os.dup(number)
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", _CHILD, _ABORT, line],
        stdin=subprocess.PIPE,
        stderr=shown,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,  # so that Ctrl-C leaves it alone
    )
    assert child.stdin is not None
    os.dup2(child.stdin.fileno(), number)
    child.stdin.close()
    sys.stderr = os.fdopen(shown, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    _installed = True


def print_loss(line: str) -> None:
    """Prints a line about the loss of a process, unless the line of `install` has been printed.

    JAX may abort this process at the same time.
    """
    if _installed:
        os.write(2, f"{_ABORT}\n".encode())
    else:
        preemption.print_stderr(line)

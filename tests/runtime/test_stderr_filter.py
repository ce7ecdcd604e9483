"""C++ logs of a process that follows are not shown; its own errors and fatal ones are."""

import subprocess
import sys
from pathlib import Path

import pytest

from jaxletters.runtime import stderr_filter

ROOT = Path(stderr_filter.__file__).parents[2]
PROGRAM = """
import os, sys
from jaxletters.runtime import stderr_filter
stderr_filter.install("all end")
print("from Python", file=sys.stderr)
"""
# As jaxlib 0.10.2 prints it before it aborts.
LOSS = """F1129 client.h:80] Terminating process because the JAX distributed service detected fatal errors.
*** Check failure stack trace: ***
    @     0x7f71b7240634
"""
OTHER = "F1129 x.cc:1] Check failed\nmore\n"
LOG = "E1129 agent.cc:289] Polled an error\nmore\n"
PRINT = "stderr_filter.print_loss('other')\n"


def write(text):
    return f"os.write(2, {text.encode()!r})\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (write(LOG), ""),
        (write(LOSS) + "os.abort()", "all end\n"),
        (PRINT, "all end\n"),
        (PRINT + write(LOSS) + "os.abort()", "all end\n"),
        (write(LOG) + write(OTHER), OTHER),
    ],
)
def test_only_what_is_for_the_user_is_shown(code, expected):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert done.stderr == f"from Python\n{expected}"


def test_without_the_filter_the_line_is_printed(capfd):
    stderr_filter.print_loss("process 2 ended")
    assert capfd.readouterr().err == "process 2 ended\n"

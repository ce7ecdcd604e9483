"""The demo in a separate process, started from the command line."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(run: Path | None, *arguments: str) -> subprocess.Popen[str]:
    """Starts `jaxletters demo` on a run, or on the package's reader; its output is read through pipes."""
    named = [] if run is None else [str(run.absolute())]
    return subprocess.Popen(
        [sys.executable, "-m", "jaxletters.cli.main", "demo", *named, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def address(process: subprocess.Popen[str]) -> str:
    """Waits for the line with the address of the page, and returns the address."""
    assert process.stdout
    line = process.stdout.readline()
    if not (match := re.match(r"http://\S+", line)):
        raise RuntimeError(f"the demo did not start: {line}{process.communicate()[1]}")
    return match[0]


@contextlib.contextmanager
def served(run: Path | None, *arguments: str) -> Iterator[str]:
    """Serves the demo on a free port, and yields its address."""
    with start(run, "--port", "0", *arguments) as process:
        try:
            yield address(process)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()

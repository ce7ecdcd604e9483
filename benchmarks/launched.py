"""Experiments, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def launch(*words: str) -> None:
    """Runs launch.py to its end.

    Raises:
        SystemExit: it was interrupted, or there is something to mend; it has said what, so its exit code is
            all that is passed on.
    """
    done = subprocess.run([sys.executable, "launch.py", *words], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)

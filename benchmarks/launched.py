"""Running experiments with launch.py, as a user does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def launch(*words: str) -> None:
    """Runs launch.py to its end.

    Raises:
        SystemExit: it failed or was interrupted, with its exit code; launch.py has printed the reason.
    """
    done = subprocess.run([sys.executable, "launch.py", *words], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)

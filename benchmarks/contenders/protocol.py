"""How a contender answers benchmarks/train_speed.py: JSON lines on stdout, names of tasks on stdin."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable

MIN_SECONDS = 1.5
"""The least time that one measurement takes, unless a single step is longer."""
CORES = 2

Run = Callable[[int], float]
"""Does a number of steps, waits until they are done, and returns the seconds that they took."""


def parser() -> argparse.ArgumentParser:
    """Returns the parser of what every contender is told: the network and the batch size."""
    result = argparse.ArgumentParser()
    result.add_argument("network")
    result.add_argument("batch", type=int)
    result.add_argument("--first-step-only", action="store_true")
    return result


def timed(work: Callable[[int], None]) -> Run:
    """Returns `work` with a clock around it."""

    def run(steps: int) -> float:
        began = time.perf_counter()
        work(steps)
        return time.perf_counter() - began

    return run


def started(options: argparse.Namespace, parameters: int) -> None:
    """Says that the first training step is done; ends the process there if that was all it is for.

    Args:
        options: what the parser read.
        parameters: the network's trainable numbers, which all contenders must agree on.
    """
    print(json.dumps({"parameters": parameters}), flush=True)
    if options.first_step_only:
        sys.exit()


def answer(units: int, **tasks: Run) -> None:
    """Warms up, says so, then measures whatever task a line names, until there are no more lines.

    Args:
        units: what one step does (images, matrix products); rates are units per second.
        **tasks: what can be asked for.
    """
    steps = {name: _steady(run) for name, run in tasks.items()}
    print(json.dumps({"steps": steps}), flush=True)
    for line in sys.stdin:
        name = line.strip()
        seconds = tasks[name](steps[name])
        print(json.dumps({"rate": units * steps[name] / seconds}), flush=True)


def _steady(run: Run) -> int:
    """Warms a task up; returns a number of its steps that took MIN_SECONDS."""
    run(1)
    steps, seconds = 1, run(1)
    while seconds < MIN_SECONDS:
        # The first steps are slower than later ones, so more is asked for than they promise.
        steps = min(4 * steps, math.ceil(1.1 * steps * MIN_SECONDS / seconds))
        seconds = run(steps)
    return steps

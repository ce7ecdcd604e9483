"""How a contender answers benchmarks/train_speed.py: a JSON line once it trains, another with its rates."""

import argparse
import json
import math
import time
from collections.abc import Callable
from typing import Protocol

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
    return result


def timed(work: Callable[[int], None]) -> Run:
    """Returns `work` with a clock around it."""

    def run(steps: int) -> float:
        began = time.perf_counter()
        work(steps)
        return time.perf_counter() - began

    return run


class Contender(Protocol):
    """A network that trains and evaluates a number of steps, and waits for them."""

    parameters: int

    def train(self, steps: int, /) -> None: ...  # noqa: D102
    def evaluate(self, steps: int, /) -> None: ...  # noqa: D102


def serve(options: argparse.Namespace, contender: Contender) -> None:
    """Takes the first training step, then measures training and evaluation."""
    contender.train(1)
    started(contender.parameters)
    measure(options.batch, train=timed(contender.train), evaluate=timed(contender.evaluate))


def started(parameters: int) -> None:
    """Says that the first training step is done, and how many trainable numbers there are."""
    print(json.dumps({"parameters": parameters}), flush=True)


def measure(units: int, **tasks: Run) -> None:
    """Warms every task up and prints its rate.

    Args:
        units: what one step does (images, matrix products); rates are units per second.
        **tasks: what is measured, one after the other.
    """
    rates = {name: units / _seconds_per_step(run) for name, run in tasks.items()}
    print(json.dumps({"rates": rates}), flush=True)


def _seconds_per_step(run: Run) -> float:
    run(1)
    steps, seconds = 1, run(1)
    while seconds < MIN_SECONDS:
        # The first steps are slower than later ones, so more is asked for than they promise.
        steps = min(4 * steps, math.ceil(1.1 * steps * MIN_SECONDS / seconds))
        seconds = run(steps)
    return seconds / steps

"""Interruptions, damage, NaN and bad input by the hundred, against runs that nothing happened to.

    python benchmarks/chaos.py --minutes 60 --raw checkpoints/chaos.jsonl

draws scenarios at random, with real processes, real signals and real damage, and writes
benchmarks/results/chaos.md: how often each was tried, how often all was as promised, and the worst case.
With --raw the same command adds to what was tried before. Needs no data: letters are generated.

With --only "data replaced" --only "base retrained" --only "another machine" --only "disk gone" --to exchanges
it does so for what is exchanged under a run, and for a disk that goes away (bindfs, a Debian package).
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# As the processes of the trials have it, so that what this process begins they can continue.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=1"
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers" / "hazards")]
import damages  # noqa: E402
import exchanges  # noqa: E402
import inputs  # noqa: E402
import interruptions  # noqa: E402
import teams  # noqa: E402
import vanishing  # noqa: E402
from interruptions import Trial  # noqa: E402
from subjects import Place  # noqa: E402

from jaxletters.runtime import xla  # noqa: E402

# Name -> what is done, and how many trials of its kind are wanted for each of the others'.
SCENARIOS: dict[str, tuple[Callable[[random.Random, Place], Iterator[Trial]], int]] = {
    "kills": (interruptions.kills, 240),
    "signals": (interruptions.signals, 240),
    "poison": (interruptions.poison, 60),
    "preparation": (interruptions.preparation, 10),
    "time_limit": (interruptions.time_limit, 10),
    "damage": (damages.damage, 1100),
    "inputs": (inputs.bad_input, 330),
    "disk gone": (vanishing.disk_gone, 100),
    "data replaced": (exchanges.data_replaced, 100),
    "base retrained": (exchanges.base_retrained, 100),
    "another machine": (exchanges.another_machine, 100),
    "processes": (teams.interrupted_teams, 50),
}


def table(trials: list[Trial]) -> list[str]:
    """Returns the lines of a Markdown table, a row for each scenario."""
    lines = ["| scenario | tried | passed | worst case |", "|---|---|---|---|"]
    for scenario in sorted({trial.scenario for trial in trials}):
        chosen = [trial for trial in trials if trial.scenario == scenario]
        passed = sum(not trial.why for trial in chosen)
        lines.append(f"| {scenario} | {len(chosen):,} | {passed:,} | {_worst(chosen)} |")
    passed = sum(not trial.why for trial in trials)
    return [*lines, f"| **all** | {len(trials):,} | {passed:,} | |"]


def _worst(trials: list[Trial]) -> str:
    seconds = sorted(trial.seconds for trial in trials if trial.seconds is not None)
    lost = [trial.lost for trial in trials if trial.lost is not None]
    said = []
    if seconds:
        late = float(np.quantile(seconds, 0.99))
        said.append(f"gone after {seconds[-1]:.2f} s (99%: {late:.2f} s)")
    if lost:
        said.append(f"{max(lost)} steps taken again")
    return ", ".join(said)


def read(raw: Path) -> list[Trial]:
    """Returns the trials on record."""
    if not raw.exists():
        return []
    return [Trial(**json.loads(line)["trial"]) for line in raw.read_text().splitlines()]


def main(argv: list[str]) -> int:
    """Runs the campaign; returns 1 if anything was not as promised."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, required=True, help="when to begin nothing new")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--raw", type=Path, help="a file to add every trial to")
    parser.add_argument("--to", default="chaos", help="the table's name (%(default)s)")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="these scenarios alone")
    parser.add_argument("--workers", type=int, default=1, help="runs at the same time")
    given = parser.parse_args(argv)
    # What is run in this process is compiled once for all campaigns, as in the processes that it starts.
    xla.configure()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        raw = given.raw or Path(folder) / "chaos.jsonl"
        campaign(Place(Path(folder)), given, raw)
        trials = read(raw)
        failed = [trial for trial in trials if trial.why]
        for trial in failed:
            print(f"{trial.scenario}: {trial.why}", file=sys.stderr)
        lines = table(trials)
        print(*lines, sep="\n")
        if given.raw:
            head = f"{date.today()}, `benchmarks/chaos.py`, {os.cpu_count()} CPU cores."
            (RESULTS / f"{given.to}.md").write_text("\n".join([head, "", *lines]) + "\n")
        return bool(failed)


def campaign(place: Place, given: argparse.Namespace, raw: Path) -> None:
    """Tries what is furthest behind its share, until time is up or all there is to try was tried."""
    end = time.monotonic() + 60 * given.minutes
    lock = threading.Lock()
    numbers = dict.fromkeys(given.only or SCENARIOS, 0)
    if "disk gone" in numbers and (why := vanishing.unavailable()):
        print(f"disk gone: left out, {why}", file=sys.stderr)
        del numbers["disk gone"]
    tried = dict(numbers)
    for line in raw.read_text().splitlines() if raw.exists() else []:
        record = json.loads(line)
        if record["kind"] in numbers:
            tried[record["kind"]] += 1
            numbers[record["kind"]] = max(numbers[record["kind"]], record["number"] + 1)

    def work() -> None:
        while tried and time.monotonic() < end:
            with lock:
                name = min(tried, key=lambda n: tried[n] / SCENARIOS[n][1])
                if tried[name] >= SCENARIOS[name][1]:
                    return
                number, numbers[name] = numbers[name], numbers[name] + 1
                # Counted before it is done, so that two workers do not both try it.
                tried[name] += 1
            draw = random.Random(f"{given.seed} {name} {number}")
            trials = list(SCENARIOS[name][0](draw, place))
            with lock, raw.open("a") as file:
                tried[name] += len(trials) - 1
                for trial in trials:
                    record = {"kind": name, "number": number, "trial": trial._asdict()}
                    file.write(json.dumps(record) + "\n")

    with ThreadPoolExecutor(given.workers) as pool:
        for done in [pool.submit(work) for _ in range(given.workers)]:
            done.result()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

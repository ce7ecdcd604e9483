"""The cost of a start: preparing and loading EMNIST Letters, the first step, images per second, memory.

    JAXLETTERS_ARCHIVES=<folder of archives> python benchmarks/startup.py

Every measurement runs in a separate process, one at a time; variants that are compared alternate. Takes
about ten minutes on two CPU cores and writes benchmarks/results/startup.md.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CONFIG = "configs/emnist_deeper.py"
ROUNDS = 3
STEPS = 160
WARMUP = 20

_LOAD = """
import sys, time
from jaxletters.data import datasets
from jaxletters.config.builtin_sources import Emnist
began = time.perf_counter()
parts = [datasets.load(Emnist(), split) for split in ("train", "test")]
# Every byte is touched, because a memory map is not read before.
assert all(p.images.any(axis=(1, 2)).all() for p in parts)
print(sum(len(p.labels) for p in parts), time.perf_counter() - began)
"""

# With XLA's default compiler options instead of those in jaxletters/runtime/xla.py.
_PLAIN = """
import sys
import launch
from jaxletters.runtime import xla
xla.compiler_options = lambda: None
sys.exit(launch.main())
"""


class Run(NamedTuple):
    """One start of the program, stopped after STEPS steps.

    Attributes:
        first_step: seconds from the start of the process to the record of its first step.
        rates: images per second between records, the first WARMUP of them left out.
        peak: the process's largest resident memory, in bytes.
    """

    first_step: float
    rates: list[float]
    peak: int


def load(environment: Mapping[str, str]) -> tuple[int, float]:
    """Loads both splits in a separate process; returns the number of examples and the seconds."""
    command = [sys.executable, "-c", _LOAD]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    examples, seconds = done.stdout.split()
    return int(examples), float(seconds)


def train(environment: Mapping[str, str], workdir: Path, program: tuple[str, ...]) -> Run:
    """Starts the program on the full dataset and stops it after STEPS steps."""
    overrides = (f"--config={CONFIG}", f"--workdir={workdir}", "--config.log_every_steps=1")
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *program, *overrides],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = None
    while (done := _records(workdir)) < STEPS:
        if done and first is None:
            first = time.perf_counter() - began
        time.sleep(0.02)
        if process.poll() is not None:
            raise RuntimeError(f"the program ended early, with exit code {process.returncode}")
    process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    timings = [json.loads(line) for line in (workdir / "timings.jsonl").read_text().splitlines()]
    rates = [t["images_per_second"] for t in timings[WARMUP:]]
    assert first is not None
    return Run(first, rates, usage.ru_maxrss * 1024)


def _records(workdir: Path) -> int:
    file = workdir / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def rows(folder: Path) -> list[tuple[str, str]]:
    """Measures everything, writing only under `folder`; returns labelled figures."""
    environment = {**os.environ, "TFDS_DATA_DIR": str(folder / "data")}
    examples, preparing = load(environment)
    reading = [load(environment)[1] for _ in range(ROUNDS)]
    cold, warm, plain = [], [], []
    for i in range(ROUNDS):
        cached = {**environment, "XDG_CACHE_HOME": str(folder / f"cache{i}")}
        cold.append(train(cached, folder / f"cold{i}", ("launch.py",)))
        warm.append(train(cached, folder / f"warm{i}", ("launch.py",)))
        plain.append(train(cached, folder / f"plain{i}", ("-c", _PLAIN)))
    ours = [statistics.median(run.rates) for run in (*cold, *warm)]
    theirs = [statistics.median(run.rates) for run in plain]
    ratio = statistics.median(ours) / statistics.median(theirs)
    return [
        (f"preparing EMNIST Letters, {examples:,} images, once", f"{preparing:.1f} s"),
        ("reading it back, both splits", f"{statistics.median(reading):.2f} s"),
        (
            "process start to first finished step, empty compilation cache",
            f"{statistics.median(run.first_step for run in cold):.1f} s",
        ),
        (
            "the same, every later start",
            f"{statistics.median(run.first_step for run in warm):.1f} s",
        ),
        ("training `emnist_deeper`", f"{statistics.median(ours):,.0f} images/s"),
        ("... times what XLA's default compilation of the same step reaches", f"{ratio:.2f}"),
        (
            "peak memory of the process, full dataset",
            f"{max(run.peak for run in (*cold, *warm)) / 2**30:.2f} GiB",
        ),
    ]


def main() -> None:
    """Measures, and writes and prints the result."""
    from jaxletters.runtime import environment

    with tempfile.TemporaryDirectory() as folder:
        figures = rows(Path(folder))
    versions = environment.describe()["versions"]
    stack = ", ".join(
        f"{name} {versions[name]}" for name in ("python", "jaxlib", "flax", "orbax-checkpoint")
    )
    lines = [
        "| | |",
        "|---|---|",
        *(f"| {label} | {figure} |" for label, figure in figures),
        "",
        f"Medians of {ROUNDS}, {os.cpu_count()} CPU cores, {stack}, {date.today()}; "
        "`python benchmarks/startup.py`.",
    ]
    result = ROOT / "benchmarks" / "results" / "startup.md"
    result.parent.mkdir(exist_ok=True)
    result.write_text("\n".join(lines) + "\n")
    print(result.read_text())


if __name__ == "__main__":
    main()

"""The speed of training with the examples on the host, beside that with the examples on the device.

    python benchmarks/residency.py

trains the networks of some configs in turns with both, on random images of EMNIST Letters' size in a mapped
file, and writes benchmarks/results/residency.md: the median of the ratios of the rounds. Four minutes on two
CPU cores.
"""

import os
import statistics
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from jaxletters.runtime import xla

xla.configure()

import jax  # noqa: E402
import numpy as np  # noqa: E402

from jaxletters.config import configfile  # noqa: E402
from jaxletters.core.types import Dataset  # noqa: E402
from jaxletters.data import mapped  # noqa: E402
from jaxletters.evaluation import metrics  # noqa: E402
from jaxletters.experiments import fitting  # noqa: E402
from jaxletters.runtime import sharding  # noqa: E402
from jaxletters.training import train_step  # noqa: E402
from jaxletters.training.device_examples import Examples  # noqa: E402
from jaxletters.training.host_examples import HostExamples  # noqa: E402
from jaxletters.training.plan import Plan  # noqa: E402

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "residency.md"
CONFIGS = "emnist_mlp", "emnist_deeper", "emnist_letternet_s"
EXAMPLES, EDGE, CLASSES = 124_800, 28, 27
ROUNDS, SECONDS = 9, 3.0


def images_per_second(name: str, images: np.ndarray) -> tuple[list[float], list[float]]:
    """Returns the speeds of every round with the examples on the device, and on the host."""
    config = configfile.load(ROOT / "configs" / f"{name}.py")
    labels = np.arange(EXAMPLES, dtype=np.int32) % (CLASSES - 1) + 1
    data = Dataset(images, labels, tuple(map(str, range(CLASSES))))
    plan, stage = Plan.of(config, EXAMPLES), fitting.stages_of(config)[0]
    task = fitting.make_task(config, stage, 0, plan, sharding.data_mesh(), data)
    # A random part of the file, as after holding out validation examples.
    part = mapped.take(images, np.random.default_rng(0).permutation(EXAMPLES))
    places = (
        Examples.on_devices(images, labels, task.mesh),
        HostExamples(part, labels, task.seed, task.batch_size),
    )
    speeds: tuple[list[float], list[float]] = [], []
    states = [(train_step.init_state(task), sharding.replicate(metrics.zero(), task.mesh))] * 2
    states = [train_step.copy(task, *pair) for pair in states]
    steps = 4
    for _ in range(ROUNDS + 1):
        for i, examples in enumerate(places):
            first = int(states[i][0].step)
            began = time.perf_counter()
            states[i] = train_step.run_until(task, *states[i], examples, first + steps)
            jax.block_until_ready(states[i])
            seconds = time.perf_counter() - began
            speeds[i].append(steps * task.batch_size / seconds)
        # The first round compiles; the second tells how many steps take long enough to measure.
        steps = max(steps, round(SECONDS * speeds[0][-1] / task.batch_size))
    return speeds[0][1:], speeds[1][1:]


def main() -> None:
    """Measures all configs and writes the table."""
    lines = ["| network | device, images/s | host, images/s | host / device |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        shape = EXAMPLES, EDGE, EDGE
        np.save(path, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
        images = np.load(path, mmap_mode="r")
        for name in CONFIGS:
            device, host = images_per_second(name, images)
            ratio = statistics.median(h / d for d, h in zip(device, host, strict=True))
            figures = (f"{statistics.median(speeds):,.0f}" for speeds in (device, host))
            lines.append(f"| {name} | {' | '.join(figures)} | {ratio:.2f} |")
            print(lines[-1], flush=True)
    note = (
        f"Medians of {ROUNDS} rounds in turns. {os.cpu_count()} CPU cores, jaxlib {version('jaxlib')}, "
        f"{date.today()}; `python benchmarks/residency.py`."
    )
    RESULT.write_text("\n".join([*lines, "", note]) + "\n")


if __name__ == "__main__":
    main()

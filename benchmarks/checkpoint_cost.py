"""The cost of checkpoints with digests: the share of training time, and the time to restore one.

    python benchmarks/checkpoint_cost.py

trains configs/emnist_deeper.py's network on generated images in turns with and without a save among the
steps; the difference, over the steps between two saves, is the share. Then it restores and verifies a
state of 10 MB. Writes benchmarks/results/checkpoint_cost.md; three minutes on two CPU cores.
"""

import dataclasses
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from jaxletters.runtime import xla

xla.configure()

import jax  # noqa: E402
import numpy as np  # noqa: E402

from jaxletters.config import configfile  # noqa: E402
from jaxletters.config.models import DeeperConfig  # noqa: E402
from jaxletters.config.schema import Config  # noqa: E402
from jaxletters.core.types import Progress  # noqa: E402
from jaxletters.evaluation import metrics  # noqa: E402
from jaxletters.models import networks  # noqa: E402
from jaxletters.runs.checkpoint import Checkpoints  # noqa: E402
from jaxletters.runs.snapshot import Snapshot  # noqa: E402
from jaxletters.runtime import sharding  # noqa: E402
from jaxletters.training import optimizers, train_step  # noqa: E402
from jaxletters.training.device_examples import Examples  # noqa: E402
from jaxletters.training.task import Task  # noqa: E402

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "checkpoint_cost.md"
_ROUNDS = 12
_STEPS = 24


def task_of(config: Config) -> Task:
    """Returns the training task of a config."""
    info = config.dataset.info()
    classes, shape = len(info.class_names), info.image_shape
    return Task(
        model=networks.build(config.model, classes, shape),
        optimizer=optimizers.build(config.optimizer, 10**6),
        loss=config.loss,
        augment=config.augment,
        seed=config.seed,
        batch_size=config.training.batch_size,
        ema_decay=config.training.ema_decay,
        mesh=sharding.data_mesh(),
    )


def snapshot(task: Task) -> Snapshot:
    """Returns the state before the first step."""
    state = train_step.init_state(task)
    best = jax.tree.map(jax.numpy.copy, train_step.eval_variables(state))
    return Snapshot(state, sharding.replicate(metrics.zero(), task.mesh), best, Progress())


def train(
    task: Task, begin: Snapshot, examples: Examples, checkpoints: Checkpoints | None
) -> tuple[Snapshot, float]:
    """Takes some steps, after a save if `checkpoints` is given; returns the new state and the seconds."""
    started = time.perf_counter()
    if checkpoints:
        checkpoints.save(begin)
    state, counts = train_step.run_until(
        task, begin.state, begin.counts, examples, int(begin.state.step) + _STEPS
    )
    jax.block_until_ready(state)
    if checkpoints:
        checkpoints.wait()
    return begin._replace(state=state, counts=counts), time.perf_counter() - started


def overhead(config: Config) -> tuple[float, float]:
    """Returns the additional seconds for a save, and the seconds per step."""
    task = task_of(config)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2000, 28, 28)).astype(np.uint8)
    labels = rng.integers(1, 27, 2000).astype(np.int32)
    examples = Examples.on_devices(images, labels, task.mesh)
    added, plain = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        Checkpoints(Path(folder), 3, print) as checkpoints,
    ):
        now, _ = train(task, snapshot(task), examples, checkpoints)
        for _ in range(_ROUNDS):
            now, without = train(task, now, examples, None)
            now, saving = train(task, now, examples, checkpoints)
            plain.append(without / _STEPS)
            added.append(saving - without)
    return statistics.median(added), statistics.median(plain)


def restoring(config: Config) -> tuple[float, float]:
    """Returns the size of a state in megabytes, about 10, and the seconds to restore and verify it."""
    task = task_of(dataclasses.replace(config, model=DeeperConfig(widths=(64, 96, 160))))
    begin = snapshot(task)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(begin[:3])) / 1e6
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        with Checkpoints(Path(folder), 3, print) as checkpoints:
            checkpoints.save(begin)
        for _ in range(_ROUNDS):
            with Checkpoints(Path(folder), 3, print) as checkpoints:
                started = time.perf_counter()
                checkpoints.restore(begin)
                seconds.append(time.perf_counter() - started)
    return size, statistics.median(seconds)


def main() -> None:
    """Measures, and writes and prints the result."""
    config = configfile.load(ROOT / "configs" / "emnist_deeper.py")
    assert isinstance(config, Config)
    added, step = overhead(config)
    every = config.checkpoint.every_steps
    size, seconds = restoring(config)
    lines = [
        f"{date.today()}, `benchmarks/checkpoint_cost.py`, {os.cpu_count()} CPU cores.",
        "",
        "| | |",
        "|---|---|",
        f"| a step of `emnist_deeper` | {1000 * step:.0f} ms |",
        f"| what a save adds, digests and all | {1000 * added:.0f} ms |",
        f"| share of training, a save every {every} steps | {added / (every * step):.2%} |",
        f"| restoring and verifying {size:.1f} MB | {1000 * seconds:.0f} ms |",
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")


if __name__ == "__main__":
    sys.exit(main())

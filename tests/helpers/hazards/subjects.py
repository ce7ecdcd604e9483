"""Small runs of every kind, what they come to when nothing happens to them, and how to compare."""

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from jaxletters.data.synthetic import sketch

ROOT = Path(__file__).parents[3]
LAUNCH = ("launch.py",)
POISONED = (str(Path(__file__).parent / "poisoned.py"),)

_HEAD = '''"""A small experiment."""

from pathlib import Path

from jaxletters import *
from jaxletters.config.sources import *

HERE = Path(__file__).parent
NETWORK = DeeperConfig(widths=(4, 8), kernel_sizes=(3, 3), depths=(1, 1), dropout=0.25)
DATA = SketchLetters(size=1040)
LETTERS = Arrays(HERE / "letters.npz")
HELD_OUT, NONE = Split(validation_per_class=5), Split(validation_per_class=0)
TRAINING = TrainingConfig(batch_size=32, epochs=6, ema_decay=0.9, max_skips=4)
SAVING = CheckpointConfig(every_steps=20)
CONFIG = Config(
    dataset=DATA,
    split=HELD_OUT,
    model=NETWORK,
    augment=AugmentConfig(rotation=10, shift=1),
    optimizer=OptimizerConfig(learning_rate=5e-3),
    training=TRAINING,
    checkpoint=SAVING,
    log_every_steps=1,
)


def get_config():
    return '''
# Everything that keeps state or draws at random is on in "full"; the others differ in kind.
KINDS = {
    "plain": "dataclasses.replace(CONFIG, model=MLPConfig(hidden=(16,)), augment=AugmentConfig(), "
    "training=dataclasses.replace(TRAINING, ema_decay=0.0))",
    "full": "CONFIG",
    "patience": "dataclasses.replace(CONFIG, training=dataclasses.replace(TRAINING, epochs=20, "
    "patience=2, min_delta=0.02))",
    "transfer": "dataclasses.replace(CONFIG, optimizer=OptimizerConfig(), "
    "training=TrainingConfig(batch_size=32), "
    "base=BaseConfig(config=str(HERE / 'full.py'), workdir=str(HERE / 'base'), take='stage'), "
    "stages=(StageConfig('logits', 3), "
    "StageConfig('.*', 3, OptimizerConfig('adamw', 1e-3, weight_decay=0.1))))",
    "crossval": "cross_validated(dataclasses.replace(CONFIG, split=NONE), folds=3)",
    "sweep": "SweepConfig(**{**vars(CONFIG), 'training': dataclasses.replace(TRAINING, epochs=2)}, "
    "variations=grid('rate', {'optimizer.learning_rate': (0.001, 0.02)}))",
}
# Those whose data or base a trial of its own may exchange.
EXCHANGEABLE = {
    "npz": "dataclasses.replace(CONFIG, dataset=LETTERS)",
    "npz folds": "cross_validated(dataclasses.replace(CONFIG, dataset=LETTERS, split=NONE), folds=2)",
    "transfer folds": "cross_validated(dataclasses.replace(CONFIG, "
    "dataset=LETTERS, split=NONE, "
    "optimizer=OptimizerConfig(), training=TrainingConfig(batch_size=32), "
    "base=BaseConfig(config=str(HERE / 'full.py'), workdir=str(HERE / 'base'), take='stage'), "
    "stages=(StageConfig('logits', 2), StageConfig('.*', 2))), folds=2)",
}
# As in the configs above.
MAX_SKIPS = 4


def letters(count: int, seed: int) -> dict[str, np.ndarray]:
    """Returns the arrays of an .npz file of so many training letters, and a fifth as many to test."""
    images, labels = sketch.draw(count, "train", seed)
    tested, tested_labels = sketch.draw(count // 5, "test", seed)
    return {
        "train_images": images,
        "train_labels": labels,
        "test_images": tested,
        "test_labels": tested_labels,
    }


class Subject(NamedTuple):
    """A kind of run on so many CPU devices."""

    kind: str
    devices: int

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.kind}{self.devices}"


@dataclasses.dataclass
class Place:
    """Where everything lies; the outcomes of uninterrupted runs are made once and kept.

    Attributes:
        folder: a temporary folder.
    """

    folder: Path

    def __post_init__(self) -> None:
        self._locks: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()
        self.configs = self.folder / "configs"
        self.configs.mkdir(parents=True, exist_ok=True)
        # Other letters than those that sketch_letters has.
        np.savez(self.configs / "letters.npz", **letters(1040, seed=1))
        for kind, text in {**KINDS, **EXCHANGEABLE}.items():
            (self.configs / f"{kind}.py").write_text(f"{_HEAD}{text}\n")

    def command(self, subject: Subject, workdir: Path, *words: str) -> list[str]:
        """Returns the arguments of a run."""
        return [f"--config={self.configs / subject.kind}.py", f"--workdir={workdir}", *words]

    def reference(self, subject: Subject, program: tuple[str, ...] = LAUNCH) -> Path:
        """Returns the folder of the uninterrupted run, which is made if need be."""
        workdir = self.folder / "references" / "_".join([subject.name, *program[1:]]) / "run"
        with self.lock((subject, program)):
            if not (workdir / "report" / "result.json").exists():
                finish(self, subject, workdir, program)
        return workdir

    def lock(self, key: Any) -> threading.Lock:
        """Returns the lock of what is made once."""
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())

    def prepare(self, subject: Subject) -> None:
        """Makes the base of a transfer, which would end in an error without it."""
        if subject.kind.startswith("transfer"):
            with self.lock("base"):
                if not (self.configs / "base").exists():
                    base = self.configs / "base.part"
                    finish(self, Subject("full", 1), base)
                    base.rename(self.configs / "base")


def start(
    place: Place,
    subject: Subject,
    workdir: Path,
    program: tuple[str, ...] = LAUNCH,
    words: tuple[str, ...] = (),
    data_dir: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    wrapper: tuple[str, ...] = (),
) -> subprocess.Popen[str]:
    """Starts a run; its output is read through pipes."""
    place.prepare(subject)
    flags = f"--xla_force_host_platform_device_count={subject.devices}"
    return subprocess.Popen(
        [*wrapper, sys.executable, *program, *place.command(subject, workdir, *words)],
        cwd=ROOT,
        env={
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": flags,
            "TFDS_DATA_DIR": str(data_dir or place.folder / "data"),
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(
    place: Place,
    subject: Subject,
    workdir: Path,
    program: tuple[str, ...] = LAUNCH,
    words: tuple[str, ...] = (),
) -> tuple[str, str]:
    """Runs to the end, which must be a success; returns standard output and error."""
    process = start(place, subject, workdir, program, words)
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{subject} ended with {process.returncode}: {errors}")
    return output, errors


def files(workdir: Path) -> set[str]:
    """Returns the names of all files but those that every start adds to, or that are named by content."""
    return {
        str(path.relative_to(workdir))
        for path in workdir.rglob("*")
        if path.is_file()
        and not {"tensorboard", "steps", "d"} & {*path.parts}
        and path.name != "manifest.json"
    }

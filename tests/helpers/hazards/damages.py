"""Damage anywhere under a checkpoint's folder: always noticed, or of no effect on what is restored."""

import functools
import random
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from interruptions import Trial
from subjects import Place

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.models import DeeperConfig
from jaxletters.config.training import LossConfig, OptimizerConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Progress
from jaxletters.evaluation import metrics
from jaxletters.models import networks
from jaxletters.runs.checkpoint import Checkpoints
from jaxletters.runs.snapshot import Snapshot
from jaxletters.runtime import sharding
from jaxletters.training import optimizers, train_step
from jaxletters.training.task import Task

_STEPS = (10, 20, 30)


def damage(draw: random.Random, place: Place) -> Iterator[Trial]:
    """Yields one trial: a few files of one or more checkpoints, the newest among them, are damaged."""
    workdir = place.folder / "victims" / uuid.uuid4().hex
    shutil.copytree(_sound(place.folder), workdir)
    spoilt = _STEPS[draw.choice((2, 2, 2, 2, 1, 0)) :]
    name, spoil = draw.choice(
        (
            ("bit flipped", _flip),
            ("truncated", _truncate),
            ("deleted", _delete),
            ("emptied", _empty),
        )
    )
    for step in spoilt:
        files = sorted(p for p in (workdir / "steps" / str(step)).rglob("*") if p.is_file())
        for file in draw.sample(files, min(len(files), draw.choice((1, 1, 1, 2, 5)))):
            spoil(draw, file)
    yield Trial(f"checkpoint: {name}", _judged(workdir, spoilt))
    shutil.rmtree(workdir)


def _judged(workdir: Path, spoilt: tuple[int, ...]) -> str:
    notices: list[str] = []
    try:
        with Checkpoints(workdir, 3, notices.append) as checkpoints:
            found = checkpoints.restore(_snapshot(0))
    except UserError as error:
        kept = len(list((workdir / "damaged").iterdir()))
        if spoilt == _STEPS and kept == len(notices) == 3 and "sound checkpoint" in str(error):
            return ""
        return f"{error} after {notices}, {spoilt} damaged"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if found is None:
        return f"began anew, {spoilt} damaged"
    step = int(found.state.step)
    newer = [s for s in _STEPS if s > step]
    named = [s for s in newer if any(f"step {s} " in notice for notice in notices)]
    if named != newer:
        return f"used step {step} without a word about {set(newer) - set(named)}"
    if not _same(found, _snapshot(step)):
        return f"restored step {step} with other numbers"
    return (
        ""
        if all((workdir / "damaged" / str(s)).exists() for s in newer)
        else f"lost one of {newer}"
    )


def _same(a: Snapshot, b: Snapshot) -> bool:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in pairs)


@functools.cache
def _snapshot(step: int) -> Snapshot:
    """Returns a state such as training has, of numbers drawn for the step."""
    task = Task(
        model=networks.build(
            DeeperConfig(widths=(4, 8), kernel_sizes=(3, 3), depths=(1, 1)), 27, (28, 28)
        ),
        optimizer=optimizers.build(OptimizerConfig(), 100),
        loss=LossConfig(),
        augment=AugmentConfig(),
        seed=0,
        batch_size=8,
        ema_decay=0.9,
        mesh=sharding.data_mesh(),
    )
    shapes = train_step.init_state(task)
    rng = np.random.default_rng(step)
    state = jax.tree.map(
        lambda x: (
            np.full(x.shape, step, x.dtype)
            if x.dtype == np.int32
            else rng.standard_normal(x.shape).astype(x.dtype)
        ),
        shapes,
    )
    best = train_step.eval_variables(state)
    counts = jax.tree.map(np.asarray, metrics.zero())
    return Snapshot(
        state, counts, best, Progress(best_metric=0.5, best_step=step, evaluated_step=step)
    )


@functools.cache
def _sound(folder: Path) -> Path:
    """Returns a run folder with three sound checkpoints."""
    workdir = folder / "sound"
    with Checkpoints(workdir, 3, notice=print) as checkpoints:
        for step in _STEPS:
            checkpoints.save(_snapshot(step))
    return workdir


def _flip(draw: random.Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def _truncate(draw: random.Random, file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: draw.randrange(len(data) or 1)])


def _delete(draw: random.Random, file: Path) -> None:  # noqa: ARG001
    file.unlink()


def _empty(draw: random.Random, file: Path) -> None:  # noqa: ARG001
    file.write_bytes(b"")

"""The training loop in this process: losses that are not finite, and requests to leave at any moment."""

import collections
import contextlib
import dataclasses
import gzip
import itertools
import json
import random
import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.schema import Config
from jaxletters.config.training import (
    CheckpointConfig,
    LossConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset, Model
from jaxletters.runs.checkpoint import Checkpoints
from jaxletters.runtime import preemption
from jaxletters.runtime.preemption import Interrupted
from jaxletters.training import loop, optimizers, train_step
from jaxletters.training.plan import Plan

pytestmark = pytest.mark.slow

# The penalty makes kernels shrink by 1 - 2 * rate: at a rate of 8 they grow fifteenfold every step, at
# 4 sevenfold, at 2 threefold, and from 1 on they shrink.
DIVERGING = LossConfig(l2=1.0)
CONFIG = Config(
    optimizer=OptimizerConfig(name="sgd", learning_rate=8.0),
    training=TrainingConfig(batch_size=8, epochs=12, max_skips=3, max_rollbacks=4),
    checkpoint=CheckpointConfig(every_steps=7, max_to_keep=2),
    log_every_steps=3,
)
PLAN = Plan.of(CONFIG, 37)


@pytest.fixture(scope="module")
def task():
    return tiny.task(optimizer=CONFIG.optimizer, loss=DIVERGING)._replace(
        max_skips=CONFIG.training.max_skips
    )


def dataset(n, seed):
    return Dataset(*tiny.arrays(n, seed), tuple("ABCDE"))


def fit(task, workdir, saving=CONFIG.checkpoint, brief=True, **training):
    config = dataclasses.replace(
        CONFIG, checkpoint=saving, training=dataclasses.replace(CONFIG.training, **training)
    )
    plan = Plan.of(config, 37)
    snapshot = loop.fit(config, task, plan, dataset(37, 0), dataset(11, 1), workdir, None, brief)
    return tiny.on_host(snapshot[:3]), snapshot.progress, (workdir / "metrics.jsonl").read_text()


@pytest.fixture(scope="module")
def uninterrupted(task, tmp_path_factory):
    return fit(task, tmp_path_factory.mktemp("uninterrupted"))


def test_a_run_that_diverges_goes_back_and_on_with_half_the_learning_rate(
    task, tmp_path, capsys, uninterrupted
):
    (state, _, _), _, records = uninterrupted
    assert (state.step, state.in_a_row) == (PLAN.total_steps, 0)
    assert state.halvings == 3
    written = [json.loads(line) for line in records.splitlines()]
    steps = [record["step"] for record in written]
    assert steps == sorted(steps), "what was gone back over is written once"
    train = [record for record in written if record["split"] == "train"]
    assert all(record["learning_rate"] == 8 / 2 ** record["halvings"] for record in train)
    assert [record["halvings"] for record in train] == sorted(r["halvings"] for r in train)
    fit(task, tmp_path)
    notices = [line for line in capsys.readouterr().out.splitlines() if "halved" in line]
    assert len(notices) == 3
    assert "No finite loss at 3 steps in a row up to step" in notices[0]
    assert "learning rate halved (1 of 4 times at most)" in notices[0]


def roll_backs(output):
    """Where each roll-back went, from what was printed."""
    return [int(step) for step in re.findall(r"back to step (\d+),", output)]


@pytest.mark.parametrize("saving", [(4, 1), (4, 3), (9, 1), (9, 3), (2, 30), (1000, 1)])
def test_where_a_run_goes_back_to_does_not_depend_on_when_it_saves(
    task, tmp_path, capsys, uninterrupted, saving
):
    found = fit(task, tmp_path, CheckpointConfig(*saving))
    assert roll_backs(capsys.readouterr().out) == [14, 10, 5]
    tiny.assert_same_bits(found[0], uninterrupted[0])
    assert found[1:] == uninterrupted[1:]


class Killed(Exception):  # noqa: N818, an event, not an error
    """The process ends without saving."""


def interrupt(monkeypatch, looks, kill=False):
    """Lets the loop find out that it is to leave when it looks for the given time, or kills it then."""
    counter = itertools.count(1)

    def requested():
        late = next(counter) >= looks
        if late and kill:
            raise Killed
        return late

    monkeypatch.setattr(preemption, "requested", requested)


@pytest.mark.parametrize("seed", range(4))
def test_interruptions_anywhere_change_nothing(task, tmp_path, monkeypatch, uninterrupted, seed):
    draw = random.Random(seed)
    times = 0
    while True:
        interrupt(monkeypatch, draw.randint(2, 60), kill=draw.random() < 0.3)
        try:
            found = fit(task, tmp_path)
            break
        except (Interrupted, Killed):
            times += 1
    assert times
    tiny.assert_same_bits(found[0], uninterrupted[0])
    assert found[1:] == uninterrupted[1:]
    with Checkpoints(tmp_path, 2, pytest.fail) as checkpoints:
        steps, anchors = checkpoints.steps(), checkpoints.anchors()
        assert len(anchors) <= CONFIG.training.max_rollbacks + 1
        assert {*steps} - {*anchors} <= {*steps[-2:]}


@pytest.fixture
def poisoned(task):
    """A task whose images at steps 30 to 39 are not numbers until the learning rate is halved twice."""
    wholesome = train_step.update

    def update(task, state, batch):
        bad = (state.step >= 30) & (state.step < 40) & (state.halvings < 2)
        return wholesome(task, state, batch._replace(images=jnp.where(bad, jnp.nan, batch.images)))

    # With a seed of its own, or the program of the task without poison would be used.
    gentle = optimizers.build(OptimizerConfig(learning_rate=1e-3), PLAN.total_steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_step, "update", update)
        yield task._replace(loss=LossConfig(), optimizer=gentle, seed=99)


def test_a_damaged_anchor_costs_time_but_no_bit(poisoned, tmp_path, monkeypatch, capsys):
    whole = fit(poisoned, tmp_path / "whole")
    assert roll_backs(capsys.readouterr().out) == [28, 24]
    workdir = tmp_path / "damaged"
    roll_back = Checkpoints.roll_back

    def damaged(checkpoints, like, target):
        checkpoints.wait()
        monkeypatch.undo()
        (file,) = (workdir / "steps" / str(target) / "state" / "d").iterdir()
        file.write_bytes(b"")
        return roll_back(checkpoints, like, target)

    monkeypatch.setattr(Checkpoints, "roll_back", damaged)
    found = fit(poisoned, workdir)
    output = capsys.readouterr().out
    assert f"set aside in {workdir / 'damaged' / '28'}" in output
    assert "the checkpoint of step 28 is damaged, resumed from step 24" in output
    assert roll_backs(output) == [28, 24]
    tiny.assert_same_bits(found[0], whole[0])
    assert found[1:] == whole[1:]


def epochs(output):
    """The lines about epochs, without how long they took."""
    return [line.split()[:6] for line in output.splitlines() if re.match(r" +\d+ ", line)]


def test_a_resumed_run_says_the_same_of_its_epochs_and_reads_no_file_at_each(
    task, tmp_path, monkeypatch, capsys
):
    reads = collections.Counter()
    read_bytes = Path.read_bytes

    def counted(path):
        reads[path.name] += 1
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    task = task._replace(loss=LossConfig())
    fit(task, tmp_path / "whole", brief=False)
    whole = epochs(capsys.readouterr().out)
    assert len(whole) == CONFIG.training.epochs
    said = []
    for looks in (9, 14, 10**9):
        interrupt(monkeypatch, looks)
        with contextlib.suppress(Interrupted):
            fit(task, tmp_path / "parts", brief=False)
        said.extend(epochs(capsys.readouterr().out))
    assert said == whole
    # Once for each start from a checkpoint.
    assert reads["metrics.jsonl"] == reads["timings.jsonl"] == 2


def test_a_record_holds_the_learning_rate_of_its_last_step(task, tmp_path):
    schedule = ScheduleConfig("cosine", warmup=0.2)
    config = dataclasses.replace(
        CONFIG,
        optimizer=OptimizerConfig(name="sgd", learning_rate=0.01, schedule=schedule),
        training=dataclasses.replace(CONFIG.training, epochs=6, max_skips=3),
        log_every_steps=1,
    )
    plan = Plan.of(config, 37)
    train = dataset(37, 0)
    train.images[5] = 77
    marked = task.model.apply

    def apply(variables, images, train, key=None):
        """Not a number wherever the marked image is in a batch, so that single steps are skipped."""
        logits, stats = marked(variables, images, train=train, key=key)
        found = jnp.any(jnp.all(images == jnp.float32(77 / 255), (1, 2)))
        return jnp.where(train & found, jnp.nan, logits), stats

    task = task._replace(
        model=Model(task.model.init, apply),
        augment=AugmentConfig(),
        loss=LossConfig(),
        optimizer=optimizers.build(config.optimizer, plan.total_steps),
    )
    loop.fit(config, task, plan, train, dataset(11, 1), tmp_path, None, True)
    lines = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    records = [record for record in lines if record["split"] == "train"]
    assert len(records) == plan.total_steps
    warmup = round(0.2 * plan.total_steps)
    rate = optax.warmup_cosine_decay_schedule(0.0, 0.01, warmup, plan.total_steps)
    taken, skipped = 0, 0
    for record in records:
        np.testing.assert_allclose(record["learning_rate"], rate(taken), rtol=1e-5, atol=1e-12)
        was_skipped = record["skipped"] > skipped
        skipped = record["skipped"]
        taken += not was_skipped
    assert skipped == config.training.epochs


def test_a_traced_run_ends_as_any_other_and_leaves_what_perfetto_reads(
    task, tmp_path, uninterrupted
):
    config = dataclasses.replace(CONFIG, profile=True)
    found = loop.fit(config, task, PLAN, dataset(37, 0), dataset(11, 1), tmp_path, brief=True)
    tiny.assert_same_bits(tiny.on_host(found[:3]), uninterrupted[0])
    (trace,) = (tmp_path / "profile").rglob("perfetto_trace.json.gz")
    with gzip.open(trace) as file:
        assert len(json.load(file)["traceEvents"]) > 100


def test_a_run_that_keeps_diverging_ends_with_an_error_and_its_state(task, tmp_path):
    with pytest.raises(UserError, match=r"expected a finite loss .*halved 1 times.*learning_rate"):
        fit(task, tmp_path, max_rollbacks=1)
    before = {p: p.read_bytes() for p in (tmp_path / "steps").rglob("*") if p.is_file()}
    assert before
    with pytest.raises(UserError, match="halved 1 times"):
        fit(task, tmp_path, max_rollbacks=1)
    assert {p: p.read_bytes() for p in (tmp_path / "steps").rglob("*") if p.is_file()} == before


# Nothing improves by nine tenths, so patience runs out after the third evaluation.
PATIENT = {"patience": 2, "min_delta": 0.9}


@pytest.mark.parametrize("looks", [6, 13])
def test_early_stopping_survives_an_interruption(tmp_path, monkeypatch, task, looks):
    task = task._replace(loss=LossConfig())
    whole = fit(task, tmp_path / "whole", **PATIENT)
    interrupt(monkeypatch, looks)
    with pytest.raises(Interrupted):
        fit(task, tmp_path / "parts", **PATIENT)
    monkeypatch.undo()
    parts = fit(task, tmp_path / "parts", **PATIENT)
    tiny.assert_same_bits(parts[0], whole[0])
    assert parts[1:] == whole[1:]
    assert whole[1].evals_since_level == 2
    assert whole[0][0].step == PLAN.epoch_end(3)
    scores = [json.loads(line) for line in whole[2].splitlines()]
    accuracy = {r["step"]: r["accuracy"] for r in scores if r["split"] == "validation"}
    assert whole[1].best_step == max(accuracy, key=accuracy.__getitem__)


def test_a_flipped_bit_in_the_newest_checkpoint_costs_time_but_no_bit(
    task, tmp_path, monkeypatch, capsys, uninterrupted
):
    interrupt(monkeypatch, 40)
    with pytest.raises(Interrupted):
        fit(task, tmp_path)
    monkeypatch.undo()
    newest = max((tmp_path / "steps").iterdir(), key=lambda p: int(p.name))
    (file,) = (newest / "state" / "d").iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0b100
    file.write_bytes(data)
    found = fit(task, tmp_path)
    output = capsys.readouterr().out
    assert f"Checkpoint of step {newest.name} " in output
    assert str(tmp_path / "damaged" / newest.name) in output
    tiny.assert_same_bits(found[0], uninterrupted[0])
    assert found[1:] == uninterrupted[1:]

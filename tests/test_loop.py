"""The training loop in this process: losses that are not finite, and requests to leave at any moment."""

import dataclasses
import gzip
import itertools
import json
import random

import pytest
import tiny

from jaxletters import loop, preempt
from jaxletters.checkpoint import Checkpoints
from jaxletters.config import CheckpointConfig, Config, LossConfig, OptimizerConfig, TrainingConfig
from jaxletters.errors import UserError
from jaxletters.plan import Plan
from jaxletters.preempt import Interrupted
from jaxletters.types import Dataset

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


def fit(task, workdir, **training):
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, **training))
    snapshot = loop.fit(config, task, PLAN, dataset(37, 0), dataset(11, 1), workdir, brief=True)
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


def interrupt(monkeypatch, looks):
    """Lets the loop find out that it is to leave when it looks for the given time."""
    counter = itertools.count(1)
    monkeypatch.setattr(preempt, "requested", lambda: next(counter) >= looks)


@pytest.mark.parametrize("seed", range(4))
def test_interruptions_anywhere_change_nothing(task, tmp_path, monkeypatch, uninterrupted, seed):
    draw = random.Random(seed)
    times = 0
    while True:
        interrupt(monkeypatch, draw.randint(2, 60))
        try:
            found = fit(task, tmp_path)
            break
        except Interrupted:
            times += 1
    assert times
    tiny.assert_same_bits(found[0], uninterrupted[0])
    assert found[1:] == uninterrupted[1:]
    with Checkpoints(tmp_path, 2, pytest.fail) as checkpoints:
        assert len(checkpoints.steps()) <= 3


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
    with pytest.raises(UserError, match=r"expected a finite loss .* halved 1 times.*learning_rate"):
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
    assert whole[1].evals_since_best == 2
    assert whole[0][0].step == PLAN.epoch_end(3)


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

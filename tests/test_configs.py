from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from jaxletters import commandline, data, models, optim, sharding, validation
from jaxletters.models import summary
from jaxletters.plan import Plan
from jaxletters.steps import Task
from jaxletters.types import Batch, TrainState

FILES = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def config(request):
    return commandline.load(request.param)


def test_there_are_configs():
    assert "quickstart" in [file.stem for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_what_it_is(file):
    module = file.read_text()
    assert module.startswith('"""')


def test_each_is_sound_on_one_device_and_on_eight(config):
    validation.check(config, device_count=1)
    validation.check(config, device_count=8)


def test_each_trains_a_step(config):
    shape = data.image_shape(config.dataset.name)
    classes = len(data.class_names(config.dataset.name))
    plan = Plan.of(config, examples=10_000)
    task = Task(
        model=models.build(config.model, classes, shape),
        optimizer=optim.build(config.optimizer, plan.total_steps),
        loss=config.loss,
        augment=config.augment,
        seed=config.seed,
        batch_size=2,
        ema_decay=config.training.ema_decay,
        mesh=sharding.data_mesh(),
    )
    variables = tiny.variables(task.model)
    before = variables.params
    state = TrainState(
        step=np.int32(0),
        variables=variables,
        ema=before if task.ema_decay else None,
        opt_state=task.optimizer.init(before),
        skipped=np.int32(0),
    )
    rng = np.random.default_rng(0)
    batch = Batch(rng.random((2, *shape), np.float32), rng.integers(1, classes, 2).astype(np.int32))
    for _ in range(2):  # the first step of a warm-up has a rate of zero
        state, counts = tiny.train_step(task, state, batch)
    assert (int(state.step), int(state.skipped), int(counts.examples)) == (2, 0, 2)
    after = tiny.on_host(state.variables.params)
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), before, after)
    assert all(jax.tree.leaves(moved))
    parameters = sum(row.parameters for row in summary.layers(config.model, classes, shape))
    assert parameters == sum(leaf.size for leaf in jax.tree.leaves(after))

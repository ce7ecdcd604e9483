import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from jaxletters.config import configfile, validation
from jaxletters.config.schema import Config, StageConfig, StudyConfig, SweepConfig
from jaxletters.core.types import Batch, TrainState
from jaxletters.experiments import origins, sweep
from jaxletters.models import networks, summary
from jaxletters.models.params import trainable_mask
from jaxletters.runtime import sharding
from jaxletters.training import optimizers
from jaxletters.training.plan import Plan
from jaxletters.training.task import Task

FILES = sorted((Path(__file__).parents[2] / "configs").glob("*.py"))
LOADED = {file.stem: configfile.load(file) for file in FILES}
RUNS = {name: config for name, config in LOADED.items() if isinstance(config, Config)}


def test_there_are_configs():
    assert "quickstart" in LOADED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_says_what_it_is_and_how_to_run_it(file):
    assert f"python launch.py --config configs/{file.name}" in file.read_text().split('"""')[1]


@pytest.mark.parametrize("config", LOADED.values(), ids=list(LOADED))
def test_each_is_sound_on_one_device_and_on_eight(config):
    validation.check(config, device_count=1)
    validation.check(config, device_count=8)


@pytest.mark.parametrize("config", LOADED.values(), ids=list(LOADED))
def test_the_runs_that_a_config_names_fit_it(config):
    for setting, run in origins.named_in(config).items():
        other = LOADED[origins.folder_of(run).name]
        assert type(other) in origins.accepted(config, setting)
        if setting == origins.TEACHER:
            assert (other.dataset, other.split) == (config.dataset, config.split)
        elif isinstance(config, Config):
            head = {"hidden": ()} if hasattr(config.model, "hidden") else {}
            network = dataclasses.replace(config.model, dropout=other.model.dropout, **head)  # pyright: ignore
            assert network == other.model


def test_the_study_has_every_experiment_of_the_course():
    study = LOADED["study"]
    assert isinstance(study, StudyConfig)
    others = (
        "quickstart",
        "study",
        "letternet",
        "vgg5",
        "reader",
        "tpu",
        "deeper_crossval",
        "seeds",
    )
    course = {name for name in LOADED if not any(other in name for other in others)}
    assert {Path(entry.file).stem for entry in study.experiments} == course


@pytest.mark.slow
def test_every_variation_changes_the_baseline_in_a_way_of_its_own():
    variations = LOADED["emnist_variations"]
    assert isinstance(variations, SweepConfig)
    trials = [trial for _, trial in sweep.trials(variations)]
    assert len(set(trials)) == len(trials) > 20


def _trained_as(config: Config) -> tuple:
    parts = config.model, config.augment, config.loss, config.optimizer, config.stages
    return *parts, config.training.ema_decay


# A cross-validation trains as the run that it repeats does, and so does the baseline of an ablation.
DISTINCT = list({_trained_as(config): name for name, config in reversed(RUNS.items())}.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTINCT)
def test_each_trains_a_step(name):
    config = RUNS[name]
    shape = config.dataset.info().image_shape
    classes = len(config.dataset.info().class_names)
    parameters = sum(row.parameters for row in summary.layers(config.model, classes, shape))
    rng = np.random.default_rng(0)
    batch = Batch(rng.random((2, *shape), np.float32), rng.integers(1, classes, 2).astype(np.int32))
    for stage in config.stages or (StageConfig(optimizer=config.optimizer),):
        plan = Plan.of(config, examples=10_000)
        task = Task(
            model=networks.build(config.model, classes, shape, stage.trainable),
            optimizer=optimizers.build(stage.optimizer, plan.total_steps, stage.trainable),
            loss=config.loss,
            augment=config.augment,
            seed=config.seed,
            batch_size=2,
            ema_decay=config.training.ema_decay,
            mesh=sharding.data_mesh(),
            trainable=stage.trainable,
        )
        variables = tiny.variables(task.model)
        before = variables.params
        state = TrainState(
            step=np.int32(0),
            variables=variables,
            ema=variables if task.ema_decay else None,
            opt_state=task.optimizer.init(before),
            skipped=np.int32(0),
            in_a_row=np.int32(0),
            halvings=np.int32(0),
        )
        for _ in range(2):  # the first step of a warm-up has a rate of zero
            state, counts = tiny.update(task, state, batch)
        assert (int(state.step), int(state.skipped), int(counts.examples)) == (2, 0, 2)
        after = tiny.on_host(state.variables.params)
        moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), before, after)
        assert moved == trainable_mask(before, stage.trainable)
        assert parameters == sum(leaf.size for leaf in jax.tree.leaves(after))

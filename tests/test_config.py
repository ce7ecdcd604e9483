import dataclasses
import json

import pytest

from jaxletters import config as schema
from jaxletters.config import (
    AugmentConfig,
    CheckpointConfig,
    Config,
    DatasetConfig,
    DeeperConfig,
    MLPConfig,
    OptimizerConfig,
    TrainingConfig,
)

FINGERPRINT = "714ab18dff15e71a410eab9884a73c1a5fbd9d691b513a93276ff7c2f3699557"


def identity(config):
    return schema.identity(dataclasses.asdict(config))


def test_every_setting_has_a_dotted_key():
    found = {key: value for key, _, value in schema.leaves(Config())}
    assert found["seed"] == 0
    assert found["optimizer.schedule.name"] == "constant"
    assert found["model.widths"] == (32, 64, 128)
    assert not any(dataclasses.is_dataclass(value) for value in found.values())


@pytest.mark.parametrize("model", schema.MODEL_CONFIGS.values())
def test_json_and_back_is_the_same_config(model):
    config = Config(model=model(), dataset=DatasetConfig("mnist"))
    text = json.dumps(dataclasses.asdict(config))
    assert schema.from_dict(json.loads(text), config) == config


def test_numbers_become_what_they_are_declared_to_be():
    config = Config(augment=AugmentConfig(shift=2), seed=2)
    found = schema.from_dict(dataclasses.asdict(config), config)
    assert type(found.augment.shift) is float
    assert type(found.seed) is int
    milestones = schema.from_dict(
        {
            **dataclasses.asdict(OptimizerConfig()),
            "schedule": {"name": "step", "warmup": 0, "milestones": [0, 1], "factor": 1},
        },
        OptimizerConfig(),
    ).schedule.milestones
    assert milestones == (0.0, 1.0)
    assert all(type(m) is float for m in milestones)


@pytest.mark.parametrize(
    "same",
    [
        Config(dataset=DatasetConfig(archives="/a")),
        Config(dataset=DatasetConfig(data_dir="/b")),
        Config(checkpoint=CheckpointConfig(every_steps=7, max_to_keep=1)),
    ],
)
def test_where_files_lie_and_how_often_they_are_saved_is_not_the_experiment(same):
    assert identity(same) == identity(Config())
    assert schema.fingerprint(same) == schema.fingerprint(Config())


def test_every_other_setting_is_the_experiment():
    loose = {
        "dataset.archives",
        "dataset.data_dir",
        "checkpoint.every_steps",
        "checkpoint.max_to_keep",
    }
    assert set(identity(Config())) == {key for key, _, _ in schema.leaves(Config())} - loose


@pytest.mark.parametrize(
    "other",
    [
        Config(seed=1),
        Config(dataset=DatasetConfig("mnist")),
        Config(model=MLPConfig()),
        Config(model=DeeperConfig(widths=(32, 64, 127))),
        Config(augment=AugmentConfig(shift=0.5)),
        Config(optimizer=OptimizerConfig(learning_rate=2e-3)),
        Config(training=TrainingConfig(monitor="loss")),
        Config(log_every_steps=101),
    ],
)
def test_another_experiment_has_another_fingerprint(other):
    assert schema.fingerprint(other) != schema.fingerprint(Config())


def test_a_whole_number_is_the_same_however_it_is_written():
    one, other = (Config(augment=AugmentConfig(shift=shift)) for shift in (2, 2.0))
    assert schema.fingerprint(one) == schema.fingerprint(other)
    assert identity(one) == identity(other)


def test_the_fingerprint_never_changes_silently():
    # Another value here means that the folder of no older run can be told to be of this config. A new
    # setting changes it too; a default that leaves the numbers as they were must then be let through.
    assert schema.fingerprint(Config()) == FINGERPRINT


def test_configs_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 3  # pyright: ignore
    assert hash(Config()) == hash(Config())

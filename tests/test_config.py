import dataclasses
import json

import pytest

from jaxletters import config as schema
from jaxletters import settings as configured
from jaxletters.config import (
    AugmentConfig,
    Config,
    DatasetConfig,
    OptimizerConfig,
)


def test_every_setting_has_a_dotted_key():
    found = {key: value for key, _, value in configured.leaves(Config())}
    assert found["seed"] == 0
    assert found["optimizer.schedule.name"] == "constant"
    assert found["model.widths"] == (32, 64, 128)
    assert not any(dataclasses.is_dataclass(value) for value in found.values())


@pytest.mark.parametrize("model", schema.MODEL_CONFIGS.values())
def test_json_and_back_is_the_same_config(model):
    config = Config(model=model(), dataset=DatasetConfig("mnist"))
    text = json.dumps(configured.to_dict(config))
    assert configured.from_dict(json.loads(text), config) == config


def test_numbers_become_what_they_are_declared_to_be():
    config = Config(augment=AugmentConfig(shift=2), seed=2)
    found = configured.from_dict(configured.to_dict(config), config)
    assert type(found.augment.shift) is float
    assert type(found.seed) is int
    milestones = configured.from_dict(
        {
            **configured.to_dict(OptimizerConfig()),
            "schedule": {"name": "step", "warmup": 0, "milestones": [0, 1], "factor": 1},
        },
        OptimizerConfig(),
    ).schedule.milestones
    assert milestones == (0.0, 1.0)
    assert all(type(m) is float for m in milestones)


def test_configs_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 3  # pyright: ignore
    assert hash(Config()) == hash(Config())

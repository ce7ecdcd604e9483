import dataclasses
import json

import pytest
import tiny

from jaxletters.config import serialization as configured
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.schema import Config, StageConfig
from jaxletters.config.training import OptimizerConfig


def test_every_setting_has_a_dotted_key():
    found = {leaf.key: leaf.value for leaf in configured.leaves(Config())}
    assert found["seed"] == 0
    assert found["optimizer.schedule.name"] == "constant"
    assert found["model.widths"] == (32, 64, 128)
    assert not any(dataclasses.is_dataclass(value) for value in found.values())


@pytest.mark.parametrize("model", sorted(tiny.NETWORKS, key=str))
def test_json_and_back_is_the_same_config(model):
    config = Config(model=model(), dataset=Mnist())
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


def test_a_config_from_before_a_setting_has_it_at_its_default():
    config = Config(dataset=Mnist())
    old = configured.to_dict(config)
    for key in ("stages", "base"):
        del old[key]
    del old["dataset"]["archives"]
    assert configured.from_dict(old, Config(dataset=Mnist())) == config


def test_stages_have_keys_of_their_own():
    config = Config(stages=(StageConfig("head", 3), StageConfig()))
    found = {leaf.key: leaf.value for leaf in configured.leaves(config)}
    assert found["stages.0.trainable"] == "head"
    assert found["stages.1.optimizer.learning_rate"] == 1e-3
    assert (
        configured.from_dict(json.loads(json.dumps(configured.to_dict(config))), config) == config
    )


def test_configs_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 3  # pyright: ignore
    assert hash(Config()) == hash(Config())

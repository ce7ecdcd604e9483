import pytest

from jaxletters import settings
from jaxletters.config import (
    AugmentConfig,
    BaseConfig,
    CheckpointConfig,
    Config,
    CrossvalConfig,
    DeeperConfig,
    MLPConfig,
    OptimizerConfig,
    StageConfig,
    TrainingConfig,
)
from jaxletters.identity import fingerprint
from jaxletters.identity import identity as identity_of
from jaxletters.sources import Arrays, Mnist, Split

FINGERPRINT = "f72bdd9d5a4c59315bb4df3d8f3b94ffc1bda48e486f9c3e75c8444c8d1bee3f"


def identity(config):
    return identity_of(settings.to_dict(config))


@pytest.mark.parametrize(
    "same",
    [
        Config(dataset=TODO_(archives="/a")),
        Config(dataset=TODO_(data_dir="/b")),
        Config(dataset=Arrays("letters.npz")),
        Config(checkpoint=CheckpointConfig(every_steps=7, max_to_keep=1)),
        Config(checkpoint=CheckpointConfig(mirror="/c", give_up_after="1h")),
        Config(time_limit="5h"),
        Config(profile=True),
    ],
)
def test_where_files_lie_and_how_often_they_are_saved_is_not_the_experiment(same):
    assert identity(same) == identity(Config())
    assert fingerprint(same) == fingerprint(Config())


def test_every_other_setting_is_the_experiment():
    loose = {
        "dataset.archives",
        "dataset.data_dir",
        "dataset.npz",
        "checkpoint.every_steps",
        "checkpoint.max_to_keep",
        "checkpoint.mirror",
        "checkpoint.give_up_after",
        "base.workdir",
        "observers",
        "time_limit",
        "profile",
    }
    keys = {leaf.key for leaf in settings.leaves(Config())}
    slots = ("model", "augment", "loss", "optimizer", "optimizer.schedule")
    assert set(identity(Config())) == keys - loose | {f"{slot}.class" for slot in slots}


@pytest.mark.parametrize(
    "other",
    [
        Config(seed=1),
        Config(dataset=Mnist()),
        Config(model=MLPConfig()),
        Config(model=DeeperConfig(widths=(32, 64, 127))),
        Config(augment=AugmentConfig(shift=0.5)),
        Config(optimizer=OptimizerConfig(learning_rate=2e-3)),
        Config(training=TrainingConfig(monitor="loss")),
        Config(log_every_steps=101),
        Config(dataset=TODO_(), split=Split(limit=100)),
        Config(dataset=TODO_(), split=Split(test_share=0.2)),
        Config(dataset=TODO_(resize="area")),
        Config(base=BaseConfig(config="configs/emnist_deeper.py")),
        Config(stages=(StageConfig(),)),
        CrossvalConfig(),
    ],
)
def test_another_experiment_has_another_fingerprint(other):
    assert fingerprint(other) != fingerprint(Config())


def test_a_whole_number_is_the_same_however_it_is_written():
    one, other = (Config(augment=AugmentConfig(shift=shift)) for shift in (2, 2.0))
    assert fingerprint(one) == fingerprint(other)
    assert identity(one) == identity(other)


def test_the_fingerprint_never_changes_silently():
    # Another value here means that no older run can be told to be of this config; a new setting changes it.
    assert fingerprint(Config()) == FINGERPRINT

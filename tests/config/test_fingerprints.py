import pytest

from jaxletters.config import serialization
from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import AlphaDigits, Emnist, Mnist, SketchLetters
from jaxletters.config.fingerprints import fingerprint, identifying_settings
from jaxletters.config.models import DeeperConfig, MLPConfig
from jaxletters.config.schema import (
    BaseConfig,
    Config,
    CrossvalConfig,
    Split,
    StageConfig,
    ZeroShotConfig,
)
from jaxletters.config.sources import Arrays, ImageFolder, Joined, Tfds
from jaxletters.config.training import (
    CheckpointConfig,
    Distillation,
    FinishedRun,
    OptimizerConfig,
    TrainingConfig,
)

FINGERPRINT = "e9b1aa70d9fd2813a527e28cc4497ecc2eafd732d3bb6b092d1655e535677f4c"


def settings_of(config):
    return identifying_settings(serialization.to_dict(config))


@pytest.mark.parametrize(
    "same",
    [
        Config(dataset=SketchLetters(data_dir="/b")),
        Config(checkpoint=CheckpointConfig(every_steps=7, max_to_keep=1)),
        Config(checkpoint=CheckpointConfig(mirror="/c", give_up_after="1h")),
        Config(time_limit="5h"),
        Config(profile=True),
    ],
)
def test_where_files_lie_and_how_often_they_are_saved_is_not_the_experiment(same):
    assert settings_of(same) == settings_of(Config())
    assert fingerprint(same) == fingerprint(Config())


def test_where_a_teacher_lies_is_not_the_experiment_but_how_it_teaches():
    here, there = FinishedRun("t.py", "/a"), FinishedRun("t.py", "/b")
    one, same, other = (
        Config(loss=loss)
        for loss in (
            Distillation(teacher=here),
            Distillation(teacher=there),
            Distillation(teacher=here, share=0.1),
        )
    )
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    assert settings_of(one)["loss.teacher.config"] == "t.py"


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (Emnist(), Emnist(archives="/a", data_dir="/b"), Emnist(subset="digits")),
        (AlphaDigits(), AlphaDigits(data_dir="/b"), AlphaDigits(resize="area")),
        (ImageFolder("here"), ImageFolder("elsewhere"), ImageFolder("here", size=(32, 32))),
        (Arrays("a.npz"), Arrays("b.npz"), Arrays("a.npz", orientation="transposed")),
        (Tfds("kmnist"), Tfds("kmnist", data_dir="/b"), Tfds("cmaterdb")),
        (Emnist(), Emnist(), Mnist()),
        (
            Joined((Mnist(), Emnist())),
            Joined((Mnist(archives="/a"), Emnist(data_dir="/b"))),
            Joined((Emnist(), Mnist())),
        ),
    ],
)
def test_where_images_lie_is_not_the_experiment_but_which_and_how_they_are_read(one, same, other):
    one, same, other = (Config(dataset=source) for source in (one, same, other))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    # A cross-validation, a zero-shot reading and a study have the same settings in the same places.
    one, same = (ZeroShotConfig(dataset=config.dataset) for config in (one, same))
    assert fingerprint(one) == fingerprint(same)


def test_every_other_setting_is_the_experiment():
    loose = {
        "dataset.data_dir",
        "checkpoint.every_steps",
        "checkpoint.max_to_keep",
        "checkpoint.mirror",
        "checkpoint.give_up_after",
        "base.workdir",
        "split.leave_out",
        "observers",
        "training.residency",
        "time_limit",
        "profile",
    }
    keys = {leaf.key for leaf in serialization.leaves(Config())}
    slots = ("dataset", "model", "augment", "loss", "optimizer", "optimizer.schedule")
    assert set(settings_of(Config())) == keys - loose | {f"{slot}.class" for slot in slots}


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
        Config(split=Split(limit=100)),
        Config(split=Split(test_share=0.2)),
        Config(dataset=SketchLetters(size=520)),
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
    assert settings_of(one) == settings_of(other)


def test_the_fingerprint_never_changes_silently():
    # Another value here means that no older run can be told to be of this config; a new setting changes it.
    assert fingerprint(Config()) == FINGERPRINT

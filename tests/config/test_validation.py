import math

import messages
import pytest

from jaxletters.config import validation
from jaxletters.config.augmentation import AugmentConfig, EntryStrokes, NonLetters, Sometimes
from jaxletters.config.builtin_sources import Emnist, Mnist, SketchLetters
from jaxletters.config.models import (
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    MLPConfig,
    SimpleConvNetConfig,
)
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    Split,
    StageConfig,
    StudyConfig,
    ZeroShotConfig,
)
from jaxletters.config.sources import Arrays, ImageFolder, Tfds
from jaxletters.config.training import (
    CheckpointConfig,
    LossConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from jaxletters.core.errors import UserError, did_you_mean

MNIST = Mnist()


def mnist(**settings):
    return Config(dataset=MNIST, **settings)


def problems(config, device_count=1):
    """The lines of the error that a config gives, none for a sound one."""
    try:
        validation.check(config, device_count)
    except UserError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    "config",
    [
        Config(dataset=SketchLetters(size=500)),
        Config(dataset=Emnist()),
        *(
            mnist(model=model)
            for model in (MLPConfig(), SimpleConvNetConfig(), ConvNetConfig(), DeeperConfig())
        ),
        Config(seed=2**32 - 1, dataset=MNIST),
        mnist(augment=AugmentConfig(rotation=10, shift=2)),
        mnist(optimizer=OptimizerConfig("adamw", weight_decay=0.1)),
        mnist(model=MLPConfig(hidden=())),
    ],
)
def test_sound_configs_pass(config):
    assert problems(config) == []


@pytest.mark.parametrize(
    ("config", "key", "words"),
    [
        (Config(dataset=Emnist(subset="leters")), "dataset.subset", "did you mean 'letters'"),
        (mnist(model=DeeperConfig(activation="rulu")), "model.activation", "'relu'"),
        (mnist(model=DeeperConfig(pooling="mix")), "model.pooling", "max, avg, stride"),
        (mnist(model=DeeperConfig(initializer="he")), "model.initializer", "he_normal"),
        (mnist(optimizer=OptimizerConfig("adam2")), "optimizer.name", "'adam'"),
        (
            mnist(optimizer=OptimizerConfig(schedule=ScheduleConfig("cosin"))),
            "optimizer.schedule.name",
            "'cosine'",
        ),
        (mnist(training=TrainingConfig(monitor="f1")), "training.monitor", "accuracy"),
        (mnist(augment=Sometimes(NonLetters())), "augment.part", "NonLetters"),
        (mnist(augment=(Sometimes(EntryStrokes()),)), "augment.0.part", "EntryStrokes"),
        (mnist(augment=Sometimes(Sometimes(NonLetters()))), "augment.part.part", "NonLetters"),
        (mnist(seed=-1), "seed", "expected 0 to 4294967295, found -1"),
        (mnist(time_limit="0s"), "time_limit", "5h"),
        (mnist(model=LetterNetConfig(widths=())), "model.widths", "found no width"),
        (mnist(seed=2**32), "seed", "found 4294967296"),
        (mnist(log_every_steps=0), "log_every_steps", "found 0"),
        (mnist(training=TrainingConfig(batch_size=0)), "training.batch_size", "found 0"),
        (mnist(training=TrainingConfig(epochs=0)), "training.epochs", "expected 1 to"),
        (mnist(training=TrainingConfig(patience=-1)), "training.patience", "0 or more"),
        (mnist(training=TrainingConfig(ema_decay=1.0)), "training.ema_decay", "1.0"),
        (mnist(checkpoint=CheckpointConfig(max_to_keep=0)), "checkpoint.max_to_keep", "found 0"),
        (
            mnist(optimizer=OptimizerConfig(learning_rate=0.0)),
            "optimizer.learning_rate",
            "found 0.0",
        ),
        (
            mnist(optimizer=OptimizerConfig(learning_rate=math.nan)),
            "optimizer.learning_rate",
            "found nan",
        ),
        (mnist(loss=LossConfig(l2=math.inf)), "loss.l2", "finite, found inf"),
        (mnist(loss=LossConfig(label_smoothing=1.0)), "loss.label_smoothing", "1.0"),
        (mnist(augment=AugmentConfig(scale=0.95)), "augment.scale", "0 to 0.9"),
        (mnist(augment=AugmentConfig(shift=-1.0)), "augment.shift", "found -1.0"),
        (mnist(model=DeeperConfig(dropout=1.0)), "model.dropout", "found 1.0"),
        (mnist(model=DeeperConfig(widths=(32, 0, 128))), "model.widths", "found 0"),
        (Config(dataset=SketchLetters(size=129)), "dataset.size", "130 to"),
        (Config(dataset=ImageFolder()), "dataset.path", "name it"),
        (Config(dataset=ImageFolder("a", channels=2)), "dataset.channels", "3 for colour"),
        (Config(dataset=ImageFolder("a", size=(28,))), "dataset.size", "height"),
        (Config(dataset=Tfds()), "dataset.dataset", "name one"),
        (Config(dataset=Arrays()), "dataset.images", "an empty text"),
        (CrossvalConfig(dataset=MNIST, folds=1), "folds", "found 1"),
        (ZeroShotConfig(dataset=MNIST), "base", "found no run"),
        (StudyConfig(), "experiments", "at least one"),
        (
            mnist(stages=(StageConfig(trainable="(stage"),)),
            "stages.0.trainable",
            "regular expression",
        ),
        (mnist(stages=(StageConfig(), StageConfig(epochs=0))), "stages.1.epochs", "found 0"),
        (
            mnist(stages=(StageConfig(),), optimizer=OptimizerConfig(name="sgd")),
            "optimizer",
            "stages",
        ),
        (
            mnist(split=Split(validation_per_class=0), training=TrainingConfig(patience=2)),
            "training.patience",
            "validation",
        ),
        (
            mnist(model=DeeperConfig(depths=(1, 2))),
            "model.widths, kernel_sizes and depths",
            "per stage",
        ),
        (
            mnist(optimizer=OptimizerConfig("adam", weight_decay=0.1)),
            "optimizer.weight_decay",
            "adamw",
        ),
        (
            mnist(optimizer=OptimizerConfig(schedule=ScheduleConfig(milestones=(0.7, 0.5)))),
            "optimizer.schedule.milestones",
            "rising",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_impossible_value_is_one_line_that_names_it(config, key, words):
    (line,) = problems(config)
    messages.assert_names(line, f"config.{key}: ", words)


@pytest.mark.parametrize(
    ("config", "key", "expected", "found"),
    [
        (Config(seed="3"), "seed", "int", "'3'"),
        (Config(seed=True), "seed", "int", "True"),
        (
            Config(training=TrainingConfig(epochs=1.5)),
            "training.epochs",
            "int",
            "1.5",
        ),
        (
            Config(model=DeeperConfig(batch_norm=1)),
            "model.batch_norm",
            "bool",
            "1",
        ),
        (
            Config(model=DeeperConfig(widths=[1, 2])),
            "model.widths",
            "tuple[int, ...]",
            "[1, 2]",
        ),
        (
            Config(model=DeeperConfig(widths=(1, 2.5, 3))),
            "model.widths",
            "tuple[int, ...]",
            "(1, 2.5, 3)",
        ),
        (
            Config(training={"epochs": 3}),
            "training",
            "TrainingConfig",
            "{'epochs': 3}",
        ),
        (
            Config(augment=AugmentConfig(shift=None)),
            "augment.shift",
            "float",
            "None",
        ),
    ],
)
def test_each_wrong_type_is_one_line_that_names_it(config, key, expected, found):
    (line,) = problems(config)
    messages.assert_names(line, f"config.{key}: ", f"expected {expected}", f"found {found}")


def test_a_model_that_is_none_is_one_line():
    (line,) = problems(Config(model="deeper"))
    assert line.startswith("config.model: expected ")
    assert line.endswith("found 'deeper'")


def test_everything_wrong_is_said_at_once():
    config = Config(
        seed=-1,
        dataset=Emnist(subset="leters"),
        training=TrainingConfig(epochs=0, monitor="f1"),
        optimizer=OptimizerConfig("adamm", learning_rate=-1.0),
    )
    keys = [line.split(":")[0] for line in problems(config)]
    assert keys == [
        "config.seed",
        "config.dataset.subset",
        "config.optimizer.name",
        "config.optimizer.learning_rate",
        "config.training.epochs",
        "config.training.monitor",
    ]


def test_a_batch_is_split_evenly_over_the_devices():
    config = mnist(training=TrainingConfig(batch_size=12))
    assert problems(config, device_count=4) == []
    (line,) = problems(config, device_count=8)
    messages.assert_names(line, "config.training.batch_size: ", "multiple", "8", "found 12")


def test_suggestions_are_made_only_where_a_word_is_close():
    assert did_you_mean("epohcs", ["epochs", "seed"]) == " (did you mean 'epochs'?)"
    assert did_you_mean("zzz", ["epochs", "seed"]) == ""

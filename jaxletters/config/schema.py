"""The schema of an experiment: frozen dataclasses."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.models import DeeperConfig
from jaxletters.config.parts import Part, setting
from jaxletters.config.slots import (
    Augmentation,
    Loss,
    Metric,
    ModelConfig,
    Observer,
    Optimizer,
    Source,
)
from jaxletters.config.training import (
    AugmentConfig,
    CheckpointConfig,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
)

BUDGETS = ("full", "quick")
TEST_ON = ("test", "validation")


@dataclasses.dataclass(frozen=True)
class Split(Part):
    """Which examples are held out of a dataset.

    Attributes:
        limit: the most training examples to use, drawn from all classes alike; 0 for all there are.
        validation_per_class: examples held out of each class of the training split, at most one sixth; with
            0, or where none can be, nothing is validated and the last weights count. Of a dataset with
            validation examples of its own, those are all used instead, and `limit` leaves them alone.
        test_share: share of each class to test on, for a dataset that has no test split.
        test_on: one of TEST_ON: "validation" tests on the validation examples, so that settings can be
            chosen without a look at the test split.
    """

    limit: int = setting(0, low=0, high=10**9)
    validation_per_class: int = setting(800, low=0, high=10**9)
    test_share: float = setting(0.0, low=0, high=0.9)
    test_on: str = setting("test", choices=TEST_ON)

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together."""
        if self.test_on == "validation" and (self.test_share or not self.validation_per_class):
            yield (
                "test_on: to test on the validation examples there must be some, and no others; set "
                "test_share to 0 and validation_per_class to 1 or more"
            )


@dataclasses.dataclass(frozen=True)
class BaseConfig(Part):
    """A finished run whose weights another one begins with.

    Attributes:
        config: the config file that trains it; empty to begin with fresh weights.
        workdir: its run folder; empty for `checkpoints/<config's name>`.
        take: a regular expression: arrays are taken whose path, such as "stage1_conv1/kernel", matches
            it from the beginning.
    """

    config: str = ""
    workdir: str = setting("", identity=False)
    take: str = ".*"


@dataclasses.dataclass(frozen=True)
class StageConfig(Part):
    """A part of a run that trains some of the weights only.

    Attributes:
        trainable: a regular expression: parameters are trained whose path matches it from the
            beginning; all others stay as they are, BatchNorm's running statistics among them.
        epochs: passes over the training examples.
        optimizer: new in every stage.
    """

    trainable: str = ".*"
    epochs: int = setting(10, low=1, high=10**6)
    optimizer: Optimizer = OptimizerConfig()


@dataclasses.dataclass(frozen=True)
class Config:
    """A run: train on one dataset, test once.

    Attributes:
        seed: of everything random, 0 <= seed < 2**32.
        dataset: the images.
        split: which of them are held out.
        base: where the first weights come from.
        augment: random changes of the training images, of a tuple one after the other.
        stages: one after another, each begins with the best weights of the one before; where there are
            any, they stand in for `optimizer` and `training.epochs`.
        metrics: further figures of the validation and test examples.
        observers: what is told of records and the result.
        log_every_steps: how often training loss and accuracy are written down.
        test_shift: in pixels; if not 0, accuracy is also given for the mean over each test image and
            itself moved by so many up, down, left and right.
        time_limit: saves and leaves after so long, as at a signal: "5h", "90m", "1h30m"; empty for never.
        profile: whether some steps are traced, into the run folder's "profile", for XProf or Perfetto.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    dataset: Source = SketchLetters()
    split: Split = Split()
    model: ModelConfig = DeeperConfig()
    augment: Augmentation | tuple[Augmentation, ...] = AugmentConfig()
    loss: Loss = LossConfig()
    optimizer: Optimizer = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = setting(CheckpointConfig(), identity=False)
    base: BaseConfig = BaseConfig()
    stages: tuple[StageConfig, ...] = ()
    metrics: tuple[Metric, ...] = ()
    observers: tuple[Observer, ...] = setting((), identity=False)
    log_every_steps: int = setting(100, low=1, high=10**9)
    test_shift: int = setting(0, low=0, high=10)
    time_limit: str = setting("", duration=True, identity=False)
    profile: bool = setting(False, identity=False)


@dataclasses.dataclass(frozen=True)
class CrossvalConfig(Config):
    """The run of a Config once for each fold: trained on all other folds, tested on this one."""

    folds: int = setting(10, low=2, high=10**6)


@dataclasses.dataclass(frozen=True)
class VariationConfig(Part):
    """One row of a sweep.

    Attributes:
        technique: what is varied, such as "optimizer".
        name: how, such as "rmsprop"; the trial's folder is named so.
        overrides: settings as on the command line, such as "optimizer.name=rmsprop".
    """

    technique: str = ""
    name: str = ""
    overrides: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class SweepConfig(Config):
    """The run of a Config, the baseline, and one more for each variation of it."""

    variations: tuple[VariationConfig, ...] = ()


@dataclasses.dataclass(frozen=True)
class ZeroShotConfig(Part):
    """A finished run's network on another dataset, without any training.

    Attributes:
        seed: of the folds, as in a CrossvalConfig.
        folds: accuracy is given for each of so many folds, too, as cross-validation would make them.
        dataset: its test split is read, or all of it where there is none.
        base: the finished run.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    folds: int = setting(10, low=2, high=10**6)
    dataset: Source = SketchLetters()
    base: BaseConfig = BaseConfig()


@dataclasses.dataclass(frozen=True)
class EntryConfig(Part):
    """One experiment of a study.

    Attributes:
        file: its config file.
        reference: the accuracy in percent to set beside its own; 0 where there is none.
    """

    file: str = ""
    reference: float = setting(0.0, low=0)


@dataclasses.dataclass(frozen=True)
class StudyConfig(Part):
    """Many experiments, one after another, and one table of them.

    Attributes:
        budget: "full" for every experiment as its config says, "quick" for a few minutes of each.
        experiments: in the order of the table; an experiment's base comes before it.
        time_limit: as in a Config, of all together.
    """

    budget: str = setting("full", choices=BUDGETS)
    experiments: tuple[EntryConfig, ...] = ()
    time_limit: str = setting("", duration=True, identity=False)


Experiment = Config | ZeroShotConfig | StudyConfig
"""What a config file may describe; a CrossvalConfig and a SweepConfig are Configs, too."""


def cross_validated(config: Config, folds: int) -> CrossvalConfig:
    """Returns the cross-validation of a run, on all of its dataset."""
    whole = dataclasses.replace(config.split, test_share=0.0)
    return CrossvalConfig(**{**vars(config), "split": whole}, folds=folds)


def plain(config: Config) -> Config:
    """Returns the Config that a CrossvalConfig or SweepConfig is about."""
    return Config(**{f.name: getattr(config, f.name) for f in dataclasses.fields(Config)})


def grid(technique: str, settings: Mapping[str, Sequence[Any]]) -> tuple[VariationConfig, ...]:
    """Returns the variations of a grid: every combination of one value for each of the settings.

    Where one setting varies, the values are names enough.
    """
    combinations = itertools.product(*([(k, v) for v in values] for k, values in settings.items()))
    return tuple(
        VariationConfig(
            technique=technique,
            name=" ".join(
                f"{key.rpartition('.')[2]}={value}" if len(settings) > 1 else str(value)
                for key, value in chosen
            ),
            overrides=tuple(f"{key}={value}" for key, value in chosen),
        )
        for chosen in combinations
    )

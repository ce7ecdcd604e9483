"""The schema of an experiment: a run, a cross-validation, seeds, a sweep, a zero-shot test or a study."""

import dataclasses
from collections.abc import Iterator

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import SketchLetters
from jaxletters.config.models import DeeperConfig
from jaxletters.config.parts import Part, as_text, setting
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
    MONITORS,
    CheckpointConfig,
    FinishedRun,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
)
from jaxletters.core.errors import did_you_mean

BUDGETS = ("full", "quick")
TEST_ON = ("test", "validation")
# Keys of records and results that no metric may have.
_RESERVED = ("step", "split", "epoch", "errors", "examples")


@dataclasses.dataclass(frozen=True)
class Split(Part):
    """Which examples of a dataset are held out for validation and test.

    Attributes:
        limit: the most training examples to use, drawn equally from all classes; 0 for all examples.
        validation_per_class: validation examples held out of each class of the training split, at most one
            sixth of the class. With 0, or if the classes are too small, there is no validation and the last
            weights count. A dataset with a validation split uses that split whole, and `limit` does not
            apply to it.
        test_share: share of each class held out for the test, for a dataset without a test split.
        test_on: one of TEST_ON: "validation" tests on the validation examples, so that settings can be
            chosen without reading the test split.
        seed: decides which examples are chosen, and the folds of a CrossvalConfig; -1 for that of the run.
        leave_out: a CSV file with the columns "image", the hash of an image, and "label", the name of its
            class, such as `jaxletters suspects` writes. Training examples whose hash and label are in one of
            its lines are not trained on. Validation and test examples are never left out.
    """

    limit: int = setting(0, low=0, high=10**9)
    validation_per_class: int = setting(800, low=0, high=10**9)
    test_share: float = setting(0.0, low=0, high=0.9)
    test_on: str = setting("test", choices=TEST_ON)
    seed: int = setting(-1, low=-1, high=2**32 - 1)
    leave_out: str = setting("", in_fingerprint=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leave_out", as_text(self.leave_out))

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if self.test_on == "validation" and (self.test_share or not self.validation_per_class):
            yield (
                "test_on: a test on the validation examples needs validation examples and no test share; set "
                "test_share to 0 and validation_per_class to 1 or more"
            )


@dataclasses.dataclass(frozen=True)
class BaseConfig(FinishedRun):
    """A finished run that provides the initial weights of another run; without one they are random.

    Attributes:
        take: a regular expression: arrays are taken if it matches the beginning of their path, such as
            "stage1_conv1/kernel".
    """

    take: str = setting(".*", regex=True)


@dataclasses.dataclass(frozen=True)
class StageConfig(Part):
    """A stage of a run that may train only some of the weights.

    Attributes:
        trainable: a regular expression: parameters are trained if it matches the beginning of their path;
            the others stay frozen, together with the running statistics of their BatchNorm.
        epochs: passes over the training examples.
        optimizer: starts with a new state in every stage.
    """

    trainable: str = setting(".*", regex=True)
    epochs: int = setting(10, low=1, high=10**6)
    optimizer: Optimizer = OptimizerConfig()


@dataclasses.dataclass(frozen=True)
class Config(Part):
    """A run: training on one dataset and one test.

    Attributes:
        seed: the seed of all random numbers, 0 <= seed < 2**32.
        dataset: the images and labels.
        split: which examples are held out.
        base: the source of the initial weights.
        augment: random changes of the training images; those of a tuple apply in order.
        stages: training stages, each of which starts with the best weights of the previous one; if there
            are any, they replace `optimizer` and `training.epochs`.
        metrics: further metrics of the validation and test examples.
        observers: objects that receive the records and the result.
        log_every_steps: steps between two records of the training loss and accuracy.
        test_shift: in pixels; if not 0, the test also gives the accuracy of the mean over each image and its
            copies shifted by that many pixels up, down, left and right.
        time_limit: time after which the run saves and exits, as at a signal: "5h", "90m", "1h30m"; empty
            for no limit.
        profile: whether some steps are traced into the run folder's "profile", for XProf or Perfetto.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    dataset: Source = SketchLetters()
    split: Split = Split()
    model: ModelConfig = DeeperConfig()
    augment: Augmentation | tuple[Augmentation, ...] = AugmentConfig()
    loss: Loss = LossConfig()
    optimizer: Optimizer = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    checkpoint: CheckpointConfig = setting(CheckpointConfig(), in_fingerprint=False)
    base: BaseConfig = BaseConfig()
    stages: tuple[StageConfig, ...] = ()
    metrics: tuple[Metric, ...] = ()
    observers: tuple[Observer, ...] = setting((), in_fingerprint=False)
    log_every_steps: int = setting(100, low=1, high=10**9)
    test_shift: int = setting(0, low=0, high=10)
    time_limit: str = setting("", duration=True, in_fingerprint=False)
    profile: bool = setting(False, in_fingerprint=False)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if self.stages:
            for key, is_default in {
                "optimizer": self.optimizer == OptimizerConfig(),
                "training.epochs": self.training.epochs == TrainingConfig().epochs,
            }.items():
                if not is_default:
                    yield f"{key}: not used by a run with stages; set it in config.stages.0 and the others"
        yield from self._metric_problems()
        if self.training.patience and not self.split.validation_per_class:
            yield (
                "training.patience: early stopping needs validation examples; set it to 0, or raise "
                "config.split.validation_per_class"
            )

    def _metric_problems(self) -> Iterator[str]:
        names = [*MONITORS, *(metric.name for metric in self.metrics)]
        for i, metric in enumerate(self.metrics):
            if metric.name in _RESERVED:
                yield f"metrics.{i}: {metric.name} is the name of another value; rename its class"
            if names.count(metric.name) > 1:
                yield f"metrics.{i}: expected a unique name, found {metric.name} twice; rename its class"
        monitor = self.training.monitor
        if monitor not in names:
            hint = did_you_mean(monitor, names)
            yield f"training.monitor: unknown {monitor!r}{hint}; one of {', '.join(names)}"


@dataclasses.dataclass(frozen=True)
class CrossvalConfig(Config):
    """A cross-validation: one run for each fold, trained on all other folds and tested on this one."""

    folds: int = setting(10, low=2, high=10**6)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if self.test_shift:
            yield "test_shift: cross-validation tests unshifted images only; set it to 0"
        for name in ("test_share", "test_on"):
            if getattr(self.split, name) != (default := getattr(Split(), name)):
                yield f"split.{name}: cross-validation tests on every example; set it to {default}"
        yield from super().problems()


@dataclasses.dataclass(frozen=True)
class SeedsConfig(Config):
    """The run of a Config under several seeds, and the ensemble of the networks.

    All use the same examples to train, to validate and to test.

    Attributes:
        seeds: how many; the first is `seed`, the others follow it.
    """

    seeds: int = setting(3, low=2, high=1000)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        yield from _seed_problems(self.seed, self.seeds)
        yield from super().problems()


def _seed_problems(first: int, seeds: int) -> Iterator[str]:
    if first + seeds > 2**32:
        yield f"seed: expected at most {2**32 - seeds}, for {seeds} seeds from there, found {first}"


@dataclasses.dataclass(frozen=True)
class VariationConfig(Part):
    """One row of a sweep.

    Attributes:
        technique: what varies, such as "optimizer".
        name: the variant, such as "rmsprop"; also the name of the trial's folder.
        overrides: settings as on the command line, such as "optimizer.name=rmsprop".
    """

    technique: str = ""
    name: str = ""
    overrides: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class SweepConfig(Config):
    """A sweep: the baseline, which is the run of a Config, and one more run for each variation of it.

    Attributes:
        seeds: how many runs each of them has; with several, differences can be told from chance.
    """

    variations: tuple[VariationConfig, ...] = ()
    seeds: int = setting(1, low=1, high=1000)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        yield from _seed_problems(self.seed, self.seeds)
        yield from super().problems()


@dataclasses.dataclass(frozen=True)
class ZeroShotConfig(Part):
    """A test of a finished run's network on another dataset, without training.

    Attributes:
        seed: the seed of the folds, made as those of a CrossvalConfig with this seed.
        folds: the number of folds, made as in cross-validation, with an accuracy for each.
        dataset: the dataset; its test split is used, or all of it if it has no test split.
        base: the finished run.
    """

    seed: int = setting(0, low=0, high=2**32 - 1)
    folds: int = setting(10, low=2, high=10**6)
    dataset: Source = SketchLetters()
    base: BaseConfig = BaseConfig()

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.base.is_named:
            yield "base: expected a finished run, found no run; set its config file (config) or workdir"


@dataclasses.dataclass(frozen=True)
class EntryConfig(Part):
    """One experiment of a study.

    Attributes:
        file: its config file.
        reference: the accuracy in percent to compare with; 0 for no reference.
    """

    file: str = ""
    reference: float = setting(0.0, low=0)


@dataclasses.dataclass(frozen=True)
class StudyConfig(Part):
    """A study: many experiments, run one after another, and one table of their results.

    Attributes:
        budget: "full" for every experiment as its config says, "quick" for a few minutes of each.
        experiments: in the order of the table; those that others depend on run first.
        time_limit: as in a Config, for all experiments together.
    """

    budget: str = setting("full", choices=BUDGETS)
    experiments: tuple[EntryConfig, ...] = ()
    time_limit: str = setting("", duration=True, in_fingerprint=False)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        if not self.experiments:
            yield "experiments: expected at least one, found no experiment; add one to the config file"


Experiment = Config | ZeroShotConfig | StudyConfig
"""What a config file may describe; a CrossvalConfig, a SeedsConfig and a SweepConfig are Configs, too."""

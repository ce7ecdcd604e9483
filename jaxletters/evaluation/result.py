"""The content of `report/result.json`, one type for each kind of experiment.

Accuracies, shares and limits of intervals are in [0, 1], losses in nats; values that are not finite are null.
"""

from typing import Literal, NotRequired, TypedDict, final


class Confusion(TypedDict):
    """How often, and in what share of its examples, one class was predicted for another."""

    label: str
    predicted: str
    times: int
    share: float


class MostConfused(TypedDict):
    """The two classes most often confused, and the accuracy if they counted as one."""

    pair: list[str]
    test_accuracy_as_one: float


class Coverage(TypedDict):
    """Conformal sets of the test examples, from `conformal.measure`.

    Attributes:
        asked: the chosen coverage.
        within_threshold: share of the examples whose label is within its threshold. These sets can be empty.
        measured: share of the examples whose label is in the set; more, because the most probable class
            always is.
        lowest: the same for the class where it is lowest.
        size: mean number of classes in a set.
        single: share of the sets with one class.
    """

    asked: float
    within_threshold: float
    measured: float
    lowest: float
    size: float
    single: float


class Evaluation(TypedDict):
    """What `analysis.score` computes from the labels and logits of the test examples."""

    test_accuracy: float
    test_accuracy_interval: list[float]
    test_balanced_accuracy: float
    test_errors: int
    test_examples: int
    test_loss: float
    test_calibration_error: float | None
    class_accuracy: dict[str, float]
    confusions: list[Confusion]
    most_confused: MostConfused | None


class FoldScores(TypedDict):
    """The accuracy of every fold, their mean, and their standard deviation (n - 1)."""

    fold_accuracies: list[float]
    fold_mean: float
    fold_deviation: float


class BaseRun(TypedDict):
    """Identifies a finished run that another depends on."""

    folder: str
    fingerprint: str
    weights: str | None


class InitialWeights(BaseRun):
    """The base of a run, and by path the arrays that were taken, initialised, or left unused."""

    taken: list[str]
    new: list[str]
    left: list[str]


class TrainingFacts(TypedDict):
    """The outcome of training, before the test.

    "non_letter" is the label of images that show no class, "unused" are the labels without training examples.
    Runs of earlier versions have neither.
    """

    train_examples: int
    validation_examples: int
    parameters: int
    epochs: int
    steps: int
    skipped_steps: int
    training_seconds: float
    best_step: int
    weights: str
    validation_accuracy: float | None
    non_letter: NotRequired[int | None]
    unused: NotRequired[list[int]]
    base: NotRequired[InitialWeights]
    teacher: NotRequired[BaseRun]


class FoldFacts(TrainingFacts):
    """The content of a fold's `fold.json`."""

    examples: int
    right: int
    test_split_reads: int


class TrainFacts(TrainingFacts):
    """What a training run reports in addition to its evaluation on the test examples.

    Attributes:
        experiment: the kind of experiment.
        test_split_reads: how often the run has read its test split.
        accuracy_over_shifts: of the mean over each image and its shifted copies, with `Config.test_shift`.
        accuracy_over_shifts_where_unsure: the same, if only examples with less than .9 as the highest
            probability are averaged.
        unsure: the share of these examples.
        accuracy_of_letters: the accuracy without the class of non-letters among the answers, if there is one.
        refused: the share of examples whose most probable class is that of non-letters, if there is one.
        temperature: the divisor of the logits, from the validation examples, if there are any.
        coverage: of the conformal sets, at several coverages, if there are validation examples.
    """

    experiment: Literal["train"]
    test_split_reads: int
    accuracy_over_shifts: NotRequired[float]
    accuracy_over_shifts_where_unsure: NotRequired[float]
    unsure: NotRequired[float]
    accuracy_of_letters: NotRequired[float]
    refused: NotRequired[float]
    temperature: NotRequired[float]
    coverage: NotRequired[list[Coverage]]


class Spread(TypedDict):
    """A score under every seed, with its mean and its standard deviation (n - 1)."""

    values: list[float]
    mean: float
    deviation: float


class SeedsFacts(TypedDict):
    """What a run under several seeds reports in addition to the evaluation of the ensemble.

    Attributes:
        experiment: the kind of experiment.
        runs: the names of their folders.
        spread: by key, each score that all runs have.
        agreement: the share of the test examples that two of the networks predict alike, on average.
        train_examples, validation_examples: of every run.
        parameters, steps, skipped_steps, training_seconds: sums over the runs.
        epochs: their mean.
        test_split_reads: how often the runs and the ensemble have read the test split, together.
        weights: SHA-256 of all networks' weights.
        non_letter, unused, accuracy_over_shifts, accuracy_over_shifts_where_unsure, unsure,
            accuracy_of_letters, refused, temperature, coverage: as in `TrainFacts`, of the ensemble.
    """

    experiment: Literal["seeds"]
    runs: list[str]
    spread: dict[str, Spread]
    agreement: NotRequired[float]
    train_examples: int
    validation_examples: int
    parameters: int
    epochs: float
    steps: int
    skipped_steps: int
    training_seconds: float
    test_split_reads: int
    weights: str
    non_letter: NotRequired[int | None]
    unused: NotRequired[list[int]]
    accuracy_over_shifts: NotRequired[float]
    accuracy_over_shifts_where_unsure: NotRequired[float]
    unsure: NotRequired[float]
    accuracy_of_letters: NotRequired[float]
    refused: NotRequired[float]
    temperature: NotRequired[float]
    coverage: NotRequired[list[Coverage]]


class CrossvalFacts(FoldScores):
    """What a cross-validation reports: sums over its folds, the mean of their epochs."""

    experiment: Literal["cross-validation"]
    parameters: int
    epochs: float
    steps: int
    training_seconds: float
    base: InitialWeights | None
    teacher: BaseRun | None
    test_split_reads: int


class ZeroShotFacts(FoldScores):
    """What a zero-shot test of a finished run's network reports."""

    experiment: Literal["zero-shot"]
    base: BaseRun
    parameters: int
    test_split_reads: int


Facts = TrainFacts | SeedsFacts | CrossvalFacts | ZeroShotFacts


class _Tested(Evaluation):
    """The keys that all experiments on one dataset share.

    The rows of a comparison have "group", "reference" (an accuracy in percent, or 0) and "page" (a path
    relative to the comparison's page, or "") as well.
    """

    name: str
    dataset: str
    dataset_note: str
    metrics: NotRequired[dict[str, float | None]]
    fingerprint: str
    group: NotRequired[str]
    reference: NotRequired[float]
    page: NotRequired[str]


@final
class TrainResult(_Tested, TrainFacts):
    """The result of training one network."""


@final
class SeedsResult(_Tested, SeedsFacts):
    """The result of a run under several seeds: that of the ensemble, and the spread."""


@final
class CrossvalResult(_Tested, CrossvalFacts):
    """The result of a cross-validation."""


@final
class ZeroShotResult(_Tested, ZeroShotFacts):
    """The result of a zero-shot test."""


SingleResult = TrainResult | SeedsResult | CrossvalResult | ZeroShotResult
"""The result of an experiment on one dataset, and a row of a comparison."""


class _Rows(TypedDict):
    name: str
    rows: list[SingleResult]


@final
class ComparisonResult(_Rows):
    """What `jaxletters report` writes for several finished runs."""


@final
class SweepResult(_Rows):
    """The result of a sweep; its first row is the baseline."""

    experiment: Literal["sweep"]
    fingerprint: str


@final
class StudyResult(_Rows):
    """The result of a study."""

    experiment: Literal["study"]
    budget: Literal["full", "quick"]
    fingerprint: str


Result = SingleResult | SweepResult | StudyResult
"""The content of a finished run's `result.json`."""

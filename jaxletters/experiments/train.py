"""Training on one dataset, one test, one report: the experiment that all others are composed of."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from jaxletters.config.schema import Config
from jaxletters.config.slots import DatasetInfo, Source
from jaxletters.core.types import Dataset
from jaxletters.data import selection
from jaxletters.data.datasets import DatasetSplits, Subset
from jaxletters.evaluation import conformal, inference, metrics, shifts
from jaxletters.evaluation.conformal import Calibration
from jaxletters.evaluation.result import Result, SeedsFacts, SingleResult, TrainFacts, TrainResult
from jaxletters.experiments import claims, fitting, origins, results, terminal, transfer
from jaxletters.experiments.fitting import Fitted
from jaxletters.experiments.origins import Origin
from jaxletters.experiments.transfer import Transfer
from jaxletters.models import summary
from jaxletters.runs import calibrations, consistency, data_description, seen_images, workdir
from jaxletters.runs.data_description import DataDescription
from jaxletters.runs.manifest import TrainedOn
from jaxletters.runtime import console, sharding

# The coverages that the report shows.
_COVERAGES = (0.8, 0.9, 0.95, 0.99)


def run(
    config: Config, folder: Path, brief: bool = False, initial: Transfer | None = None
) -> TrainResult:
    """Trains a network, or continues its training, then tests it once and writes the report.

    Args:
        config: the experiment.
        folder: the run folder; a finished run is not repeated.
        brief: whether only one line with the result is printed.
        initial: the initial weights; None for those that `config.base` names.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem that the user can correct.
        Interrupted: a signal asked to stop; the same call continues the run.
    """
    mesh = sharding.data_mesh()
    folder = folder.absolute()
    if (earlier := claims.earlier_result(config, folder, mesh.size)) is not None:
        return cast(TrainResult, earlier)
    splits = DatasetSplits(config.dataset)
    layers = check(config, splits.info)
    taken = transfer.load(config, splits.info, folder, mesh, initial)
    parts = selection.train_and_validation(splits, config.split, config.seed)
    train, held_out = map(splits.take, parts)
    fitting.check_lengths(config, len(train.labels))
    claim_folder(config, taken.runs, splits, parts, folder)
    if not brief:
        console.print_table_with_total(*summary.table(layers))
    fitted = fitting.fit(config, taken, train, held_out, folder, mesh, brief)
    facts: TrainFacts = {"experiment": "train", **fitted.facts, "test_split_reads": 0}
    result = cast(
        TrainResult, evaluate_and_report(config, fitted, facts, splits, train, held_out, folder)
    )
    if brief:
        console.notice(_brief_summary(config, result))
    else:
        terminal.show(result, folder)
    return result


def check_finished(runs: Mapping[Path, Config]) -> None:
    """Compares those of several runs that are finished with their configs, data and origins as they are now.

    Args:
        runs: the configs by run folder.

    Raises:
        UserError: something changed since a run finished.
    """
    describe_data = functools.cache(data_description.describe_current)
    for folder, config in runs.items():
        if workdir.result(folder) is not None:
            consistency.check_finished(folder, config, origins.current(config), describe_data)


def run_unless_finished(
    title: str,
    config: Config,
    folder: Path,
    describe_data: Callable[[Source, tuple[str, ...]], DataDescription | None],
    run_one: Callable[[Any, Path, bool], Result] = run,
) -> SingleResult:
    """Runs one of several experiments and prints its title; a finished one is checked and not repeated.

    Args:
        title: of the experiment.
        config: the experiment.
        folder: the run folder.
        describe_data: `data_description.describe_current`, perhaps cached.
        run_one: runs it in its folder and prints little.
    """
    if result := workdir.matching_result(folder, config):
        consistency.check_finished(folder, config, origins.current(config), describe_data)
        console.notice(f"{title}: finished earlier")
        return cast(SingleResult, result)
    console.notice(title)
    return cast(SingleResult, run_one(config, folder, True))


def check(config: Config, info: DatasetInfo) -> list[summary.LayerRow]:
    """Checks a config against its dataset before training; returns the layers of the network.

    Raises:
        UserError: a problem that the user can correct.
    """
    layers = fitting.check(config, info)
    selection.check_test(config.dataset.name, info.splits, config.split)
    return layers


def claim_folder(
    config: Config,
    depends_on: Sequence[Origin],
    splits: DatasetSplits,
    parts: tuple[Subset, Subset],
    folder: Path,
) -> None:
    """Claims the run folder after checks of the finished runs that its weights depend on.

    Raises:
        UserError: one of them has seen examples that the run evaluates, or the run started with other data.
    """
    trained, validated = map(splits.hashes, parts)
    tested = splits.hashes(selection.test(splits, config.split, config.seed))
    for origin in depends_on:
        # An image that the run itself trains on is a duplicate in the data, not a fault of an origin.
        tests, validates = (
            part[~np.isin(part, trained, kind="sort")] for part in (tested, validated)
        )
        also_validated = config.split.test_on != "validation"
        advice = origins.same_division(origin)
        origins.check_unseen(origin, "test", tests, also_validated, advice)
        origins.check_unseen(origin, "validation", validates, False, advice)
    data = claims.describe_data(config, splits, (trained, validated, tested))
    if config.split.test_on == "validation":
        note = "tested on the validation examples"
        data["note"] = f"{data['note']}, {note}" if data["note"] else note
    seen = seen_images.NO_IMAGES
    for origin in depends_on:
        seen = seen.union(origin.seen.trained, origin.seen.validated)
    trained_on: TrainedOn = {
        "dataset": data["dataset"],
        "note": data["note"],
        "images": data["splits"]["train"]["images"],
        "examples": len(trained),
        "validation_examples": len(validated),
    }
    claims.claim_folder(
        config, folder, data, depends_on, [trained_on], seen.union(trained, validated)
    )


def _calibration(fitted: Fitted, train: Dataset, held_out: Dataset) -> Calibration | None:
    """Returns the calibration of a network; None without validation examples or if it diverged."""
    if not len(held_out.labels):
        return None
    logits = _predict(fitted, held_out.images)
    if not np.isfinite(logits).all():
        return None
    labels = np.concatenate([train.labels, held_out.labels])
    known = np.isin(np.arange(len(train.class_names)), labels)
    return conformal.calibrate(logits, held_out.labels, known)


def evaluate_and_report(
    config: Config,
    fitted: Fitted,
    facts: TrainFacts | SeedsFacts,
    splits: DatasetSplits,
    train: Dataset,
    held_out: Dataset,
    folder: Path,
    members: Sequence[Fitted] = (),
) -> SingleResult:
    """Predicts the test examples, which no other function does, and writes the report.

    Args:
        config: the experiment.
        fitted: the network, or the ensemble.
        facts: the part of the result that describes the training; what is measured is added.
        splits: the dataset.
        train: the training examples.
        held_out: the validation examples; may be empty.
        folder: the run folder.
        members: the networks of an ensemble.
    """
    calibration = _calibration(fitted, train, held_out)
    on_test = config.split.test_on == "test"
    if on_test:
        facts["test_split_reads"] += workdir.count_test_read(folder)
    test = splits.take(selection.test(splits, config.split, config.seed))
    logits = _predict(fitted, test.images)
    if config.test_shift:
        predict = functools.partial(_predict, fitted)
        total = shifts.total_probabilities(predict, test.images, logits, config.test_shift)
        facts["accuracy_over_shifts"] = metrics.accuracy(total, test.labels)
        unsure = shifts.unsure(logits)
        facts["unsure"] = float(unsure.mean())
        where_unsure = np.where(unsure[:, None], total, logits)
        facts["accuracy_over_shifts_where_unsure"] = metrics.accuracy(where_unsure, test.labels)
    if members and facts["experiment"] == "seeds":
        predicted = [metrics.predicted_labels(_predict(one, test.images)) for one in members]
        facts["agreement"] = metrics.agreement(predicted)
    if (non_letter := facts.get("non_letter")) is not None:
        letters = logits.copy()
        letters[:, non_letter] = -np.inf
        facts["accuracy_of_letters"] = metrics.accuracy(letters, test.labels)
        facts["refused"] = float((metrics.predicted_labels(logits) == non_letter).mean())
    if calibration:
        facts["temperature"] = calibration.temperature
        calibrations.save(folder, calibration)
    # The validation examples, which the thresholds come from, would measure nothing.
    if calibration and on_test:
        probabilities = conformal.probabilities(logits, calibration)
        facts["coverage"] = [
            conformal.measure(probabilities, test.labels, calibration, asked)
            for asked in _COVERAGES
        ]
    return results.write(
        config, folder, facts, fitted.history, train, test, logits, fitted.variables
    )


def _predict(fitted: Fitted, images: np.ndarray) -> np.ndarray:
    return inference.logits(fitted.model, fitted.variables, images, fitted.mesh)


def _brief_summary(config: Config, result: TrainResult) -> str:
    """Returns the line about a result that a run with `brief` prints."""
    accuracies = f"{terminal.best_validation(result)} in validation"
    # A run that is tested on its validation examples has the same accuracy there.
    if config.split.test_on == "test":
        accuracies = f"{result['test_accuracy']:.2%} on test, {accuracies}"
    return f"  {accuracies}, after {console.format_duration(result['training_seconds'])}"

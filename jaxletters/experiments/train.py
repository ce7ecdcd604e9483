"""Train on one dataset, test once, report: the experiment that every other one is made of."""

from pathlib import Path
from typing import cast

import numpy as np

from jaxletters.config import validation
from jaxletters.config.schema import Config
from jaxletters.config.slots import DatasetInfo
from jaxletters.core.types import Dataset
from jaxletters.data import splits
from jaxletters.data.datasets import DatasetSplits, Subset
from jaxletters.evaluation import inference, metrics
from jaxletters.evaluation.result import TrainFacts, TrainResult
from jaxletters.experiments import base, fitting, results
from jaxletters.experiments.fitting import Fitted, Start
from jaxletters.models import summary
from jaxletters.runs import manifest, workdir
from jaxletters.runtime import console, sharding


def run(config: Config, folder: Path, brief: bool = False) -> TrainResult:
    """Trains, or goes on training, then tests once and writes the report.

    Args:
        config: the experiment.
        folder: the run folder; a finished run in it is not repeated.
        brief: whether the terminal gets the result alone, in one line.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: what the user must mend.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    mesh = sharding.data_mesh()
    validation.check(config, mesh.size)
    folder = folder.absolute()
    workdir.check(folder, config)
    if (finished := cast(TrainResult | None, workdir.result(folder))) is not None:
        manifest.check_finished(folder, config, base.now(config.base))
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    source = DatasetSplits(config.dataset)
    layers = check(config, source.info)
    begin = fitting.start(config, source.info, folder)
    parts = splits.train_and_validation(source, config.split, config.seed)
    train, held_out = map(source.take, parts)
    fitting.check_lengths(config, len(train.labels))
    _claim(config, begin, source, parts, folder)
    if not brief:
        console.print_table_with_total(*summary.table(layers))
    fitted = fitting.fit(config, begin, train, held_out, folder, mesh, brief)
    result = _test_and_report(config, fitted, source, train, folder)
    if brief:
        accuracies = f"{_best(result)} in validation"
        # What is tested on the validation examples has the same accuracy there.
        if config.split.test_on == "test":
            accuracies = f"{result['test_accuracy']:.2%} on test, {accuracies}"
        console.notice(
            f"  {accuracies}, after {console.format_duration(result['training_seconds'])}"
        )
    else:
        _show(result, folder, "finished")
    return result


def check(config: Config, info: DatasetInfo) -> list[summary.LayerRow]:
    """Finds what is wrong before anything is trained; returns the layers of the network.

    Raises:
        UserError: what the user must mend.
    """
    layers = fitting.check(config, info)
    splits.check_test(config.dataset.name, info.splits, config.split)
    return layers


def _claim(
    config: Config, begin: Start, source: DatasetSplits, parts: tuple[Subset, Subset], folder: Path
) -> None:
    """Makes the folder this run's, unless its base has learned from what the run evaluates.

    Raises:
        UserError: it has, or the run began with other data.
    """
    learned, validated = map(source.hashes, parts)
    tested = source.hashes(splits.test(source, config.split, config.seed))
    if begin.base is not None:
        # An image that is in the run's own training examples, too, is a duplicate in the data.
        unseen = tested[~np.isin(tested, learned, kind="sort")]
        only_validated = config.split.test_on == "validation"
        base.check_unseen(begin.base, "test", unseen, also_validated=not only_validated)
        base.check_unseen(begin.base, "validation", validated, also_validated=False)
    used = manifest.splits_used(config, source.names)
    about = manifest.describe_data(source, used, (learned, validated, tested))
    manifest.tell(about, source, console.notice)
    if config.split.test_on == "validation":
        about["note"] = ", ".join(
            filter(None, (about["note"], "tested on the validation examples"))
        )
    seen = begin.base.seen if begin.base else manifest.NOTHING_SEEN
    own = {
        **{name: about[name] for name in ("dataset", "note")},
        "images": about["splits"]["train"]["images"],
        "examples": len(learned),
        "validation_examples": len(validated),
    }
    manifest.claim(
        folder,
        config,
        console.notice,
        about,
        begin.base.facts if begin.base else None,
        [*(begin.base.trained_on if begin.base else ()), own],
        seen.with_more(learned, validated),
    )


def _test_and_report(
    config: Config, fitted: Fitted, source: DatasetSplits, train: Dataset, folder: Path
) -> TrainResult:
    """Predicts the test examples, which nothing else does, and writes the report."""
    reads = workdir.count_test_read(folder) if config.split.test_on == "test" else 0
    test = source.take(splits.test(source, config.split, config.seed))
    logits = _predict(fitted, test.images)
    facts: TrainFacts = {"experiment": "train", **fitted.facts, "test_split_reads": reads}
    if config.test_shift:
        facts["accuracy_over_shifts"] = _over_shifts(fitted, test, logits, config.test_shift)
    result = results.write(
        config, folder, facts, fitted.history, train, test, logits, fitted.variables
    )
    return cast(TrainResult, result)


def _predict(fitted: Fitted, images: np.ndarray) -> np.ndarray:
    return inference.logits(fitted.model, fitted.variables, images, fitted.mesh)


def _over_shifts(fitted: Fitted, test: Dataset, logits: np.ndarray, pixels: int) -> float:
    """Returns the accuracy of the mean probabilities over each image and four shifts of it."""
    total = np.exp(metrics.log_probabilities(logits))
    height, width = test.images.shape[1:3]
    around = [(0, 0)] * test.images.ndim
    around[1:3] = [(pixels, pixels)] * 2
    padded = np.pad(test.images, around)
    for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
        rows, columns = slice(top * pixels, None), slice(left * pixels, None)
        moved = padded[:, rows, columns][:, :height, :width]
        total += np.exp(metrics.log_probabilities(_predict(fitted, moved)))
    return metrics.accuracy(total, test.labels)


def _show(result: TrainResult, folder: Path, state: str) -> None:
    """Prints what a run came to and where everything about it lies."""
    low, high = result["test_accuracy_interval"]
    console.print_results(
        {
            "run": state,
            "dataset": console.dataset_title(result),
            "test accuracy": f"{result['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})",
            "best validation": _best(result),
            "training time": console.format_duration(result["training_seconds"]),
            "run folder": str(folder),
            "report": str(folder / "report" / "index.html"),
        }
    )


def _best(result: TrainResult) -> str:
    # Without a best, no validation was better than nothing: every loss was NaN, say.
    if result["validation_accuracy"] is None:
        return "none"
    return f"{result['validation_accuracy']:.2%} at step {result['best_step']:,}"

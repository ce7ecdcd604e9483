"""A finished run's network reads another dataset as it is."""

from pathlib import Path
from typing import cast

import numpy as np

from jaxletters.config import validation
from jaxletters.config.schema import ZeroShotConfig
from jaxletters.config.slots import DatasetInfo
from jaxletters.core.errors import UserError, format_size
from jaxletters.core.types import Dataset
from jaxletters.data import splits, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.formats import alphabets
from jaxletters.evaluation import analysis, inference, metrics
from jaxletters.evaluation.result import ZeroShotFacts, ZeroShotResult
from jaxletters.experiments import base, results
from jaxletters.runs import manifest, workdir
from jaxletters.runs.restore import Trained
from jaxletters.runtime import console, sharding


def run(config: ZeroShotConfig, folder: Path) -> ZeroShotResult:
    """Predicts every example that there is to test on, and writes the report.

    Args:
        config: the experiment.
        folder: the run folder; a finished one is not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: what the user must mend.
    """
    mesh = sharding.data_mesh()
    validation.check(config, mesh.size)
    folder = folder.absolute()
    workdir.check(folder, config)
    if (finished := cast(ZeroShotResult | None, workdir.result(folder))) is not None:
        manifest.check_finished(folder, config, base.now(config.base))
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    origin = base.load(config.base, folder)
    source = DatasetSplits(config.dataset)
    _check_fit(source.info, origin.run)
    part = splits.zero_shot_test(source)
    unseen = source.take(part)
    _check_classes(unseen, origin.run)
    base.check_unseen(origin, "test", source.hashes(part))
    about = manifest.describe_data(
        source, manifest.splits_used(config, source.names), (source.hashes(part),)
    )
    manifest.tell(about, source, console.notice)
    manifest.claim(
        folder,
        config,
        console.notice,
        about,
        origin.facts,
        origin.trained_on,
    )
    reads = workdir.count_test_read(folder)
    network = origin.run
    unseen = _as_in(network, unseen)
    variables = sharding.replicate(network.variables, mesh)
    logits = inference.logits(network.model, variables, unseen.images, mesh)
    right = metrics.correct(logits, unseen.labels)
    fold_of = stratified.folds(unseen.labels, config.folds, config.seed)
    accuracies = [float(right[fold_of == fold].mean()) for fold in range(config.folds)]
    facts: ZeroShotFacts = {
        "experiment": "zero-shot",
        "base": origin.facts,
        "parameters": network.result["parameters"],
        "test_split_reads": reads,
        **analysis.over_folds(accuracies),
    }
    result = cast(
        ZeroShotResult,
        results.write(config, folder, facts, [], unseen, unseen, logits, network.variables),
    )
    _show(result, folder, "finished")
    return result


def _check_fit(info: DatasetInfo, origin: Trained) -> None:
    """Raises a UserError unless a network reads images of this size and knows all classes by their names."""
    seen, here = origin.image_shape, info.image_shape
    if seen != here:
        raise UserError(
            f"config.base: expected a network for images of {format_size(here)}, found one for "
            f"{format_size(seen)} in {origin.folder}; bring the images to its size (config.dataset.resize or "
            "size), or name another base"
        )
    known = {*origin.class_names, alphabets.UNUSED}
    if unknown := [name for name in info.class_names if name not in known]:
        raise UserError(
            f"config.base: expected a network that knows the classes {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''}, found one of {len(origin.class_names)} classes in "
            f"{origin.folder}; name another base"
        )


def _check_classes(found: Dataset, origin: Trained) -> None:
    """Raises a UserError if examples are labelled with an unused class that the network does not have."""
    unused = [name not in origin.class_names for name in found.class_names]
    if wrong := int(np.asarray(unused)[found.labels].sum()):
        raise UserError(
            f"config.dataset: expected examples of the classes that {origin.folder} reads, found {wrong:,} "
            f"labelled {alphabets.UNUSED}; correct their labels"
        )


def _as_in(origin: Trained, found: Dataset) -> Dataset:
    """Returns examples with the labels that a network has for classes of their names."""
    places = {name: label for label, name in enumerate(origin.class_names)}
    here = np.array([places.get(name, 0) for name in found.class_names], np.int32)
    return found._replace(labels=here[found.labels], class_names=origin.class_names)


def _show(result: ZeroShotResult, folder: Path, state: str) -> None:
    low, high = result["test_accuracy_interval"]
    console.print_results(
        {
            "run": state,
            "dataset": console.dataset_title(result),
            "network": result["base"]["folder"],
            "accuracy": f"{result['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%}) of "
            f"{result['test_examples']:,} images",
            "run folder": str(folder),
            "report": str(folder / "report" / "index.html"),
        }
    )

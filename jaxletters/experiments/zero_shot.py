"""Zero-shot test: the network of a finished run predicts another dataset without training."""

from pathlib import Path

import numpy as np
from jax.sharding import Mesh

from jaxletters.config.schema import ZeroShotConfig
from jaxletters.config.slots import DatasetInfo
from jaxletters.core.errors import UserError, format_size
from jaxletters.core.types import Dataset
from jaxletters.data import selection, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.formats import alphabets
from jaxletters.evaluation import analysis, inference, metrics
from jaxletters.evaluation.result import Result, ZeroShotFacts
from jaxletters.experiments import claims, origins, results, terminal
from jaxletters.experiments.origins import Origin
from jaxletters.runs import workdir
from jaxletters.runs.restore import TrainedRun
from jaxletters.runtime import sharding


def run(config: ZeroShotConfig, folder: Path) -> Result:
    """Predicts every example of the test split, or of the whole dataset, and writes the report.

    Args:
        config: the experiment.
        folder: the run folder; a finished run is not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem that the user can correct.
    """
    mesh = sharding.data_mesh()
    folder = folder.absolute()
    if (result := claims.earlier_result(config, folder, mesh.size)) is not None:
        return result
    origin = origins.load(config, origins.BASE, folder)
    assert origin is not None, "the config was checked"
    splits = DatasetSplits(config.dataset)
    _check_fit(splits.info, origin.run)
    subset = selection.zero_shot_test(splits)
    examples = splits.take(subset)
    _check_classes(examples, origin.run)
    origins.check_unseen(origin, "test", splits.hashes(subset))
    data = claims.describe_data(config, splits, (splits.hashes(subset),))
    claims.claim_folder(config, folder, data, [origin])
    examples = _relabel(examples, origin.run.class_names)
    logits, facts = _test(config, origin, examples, folder, mesh)
    result = results.write(
        config, folder, facts, [], examples, examples, logits, origin.run.variables
    )
    terminal.show(result, folder)
    return result


def _test(
    config: ZeroShotConfig, origin: Origin, examples: Dataset, folder: Path, mesh: Mesh
) -> tuple[np.ndarray, ZeroShotFacts]:
    """Returns the logits of all examples, and facts about the experiment."""
    reads = workdir.count_test_read(folder)
    logits = inference.logits(origin.run.model, origin.run.variables, examples.images, mesh)
    correct = metrics.correct(logits, examples.labels)
    fold_of = stratified.folds(examples.labels, config.folds, config.seed)
    accuracies = [float(correct[fold_of == fold].mean()) for fold in range(config.folds)]
    facts: ZeroShotFacts = {
        "experiment": "zero-shot",
        "base": origin.identity,
        "parameters": origin.run.result["parameters"],
        "test_split_reads": reads,
        **analysis.fold_scores(accuracies),
    }
    return logits, facts


def _check_fit(info: DatasetInfo, network: TrainedRun) -> None:
    """Raises a UserError unless a network accepts images of the dataset's size and knows all its classes."""
    if network.image_shape != info.image_shape:
        raise UserError(
            f"config.base: expected a network for images of {format_size(info.image_shape)}, found one for "
            f"{format_size(network.image_shape)} in {network.folder}; bring the images to its size "
            "(config.dataset.resize or size), or name another base"
        )
    known = {*network.class_names, alphabets.UNUSED}
    if unknown := [name for name in info.class_names if name not in known]:
        raise UserError(
            f"config.base: expected a network that knows the classes {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''}, found one of {len(network.class_names)} classes in "
            f"{network.folder}; name another base"
        )


def _check_classes(examples: Dataset, network: TrainedRun) -> None:
    """Raises a UserError if examples have the label of an unused class that the network does not have."""
    unknown = [name not in network.class_names for name in examples.class_names]
    if wrong := int(np.asarray(unknown)[examples.labels].sum()):
        raise UserError(
            f"config.dataset: expected examples of the classes that {network.folder} reads, found {wrong:,} "
            f"labelled {alphabets.UNUSED}; correct their labels"
        )


def _relabel(examples: Dataset, class_names: tuple[str, ...]) -> Dataset:
    """Returns examples with the labels of a network that has the classes `class_names`."""
    label_of = {name: label for label, name in enumerate(class_names)}
    # Unused classes get label 0, because no example has them: see `_check_classes`.
    new_labels = np.array([label_of.get(name, 0) for name in examples.class_names], np.int32)
    return examples._replace(labels=new_labels[examples.labels], class_names=class_names)

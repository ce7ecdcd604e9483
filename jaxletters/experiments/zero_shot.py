"""A finished run's network reads another dataset as it is."""

from pathlib import Path
from typing import Any

from jaxletters import (
    console,
    inference,
    loop,
    manifest,
    sharding,
    validation,
    workdir,
)
from jaxletters.config import ZeroShotConfig
from jaxletters.data import Splits, portions, splits
from jaxletters.errors import UserError, pixels
from jaxletters.experiments import base, outcome
from jaxletters.parts import DatasetInfo
from jaxletters.report import analysis
from jaxletters.trained import Trained


def run(config: ZeroShotConfig, folder: Path) -> dict[str, Any]:
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
    if (finished := workdir.result(folder)) is not None:
        manifest.check_finished(folder, config, base.now(config.base))
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    origin = base.load(config.base, folder)
    source = Splits(config.dataset)
    _check_fit(source.info, origin.run)
    part = portions.unseen(source)
    base.check_unseen(origin, "test", source.hashes(part))
    manifest.claim(
        folder,
        config,
        console.notice,
        manifest.describe_data(
            source, manifest.splits_used(config, source.names), (source.hashes(part),)
        ),
        origin.facts,
        origin.trained_on,
    )
    reads = workdir.count_test_read(folder)
    unseen, network = source.take(part), origin.run
    variables = sharding.replicate(network.variables, mesh)
    logits = inference.predict(network.model, variables, unseen.images, loop.EVALUATION_BATCH, mesh)
    right = logits.argmax(axis=1) == unseen.labels
    fold_of = splits.folds(unseen.labels, config.folds, config.seed)
    accuracies = [float(right[fold_of == fold].mean()) for fold in range(config.folds)]
    facts = {
        "experiment": "zero-shot",
        "base": origin.facts,
        "parameters": network.result["parameters"],
        "test_split_reads": reads,
        **analysis.over_folds(accuracies),
    }
    result = outcome.write(config, folder, facts, [], unseen, unseen, logits, network.variables)
    _show(result, folder, "finished")
    return result


def _check_fit(info: DatasetInfo, origin: Trained) -> None:
    seen, names = origin.image_shape, origin.class_names
    here, classes = info.image_shape, info.class_names
    if (seen, names) != (here, classes):
        other = " that are called otherwise" if len(names) == len(classes) else ""
        raise UserError(
            f"config.base: expected a network for images of {pixels(here)} and {len(classes)} classes, "
            f"found one for {pixels(seen)} and {len(names)}{other} in {origin.folder}; bring the images to "
            "its size (config.dataset.resize or size), or name another base"
        )


def _show(result: dict[str, Any], folder: Path, state: str) -> None:
    low, high = result["test_accuracy_interval"]
    console.result_table(
        {
            "run": state,
            "dataset": console.noted(result),
            "network": result["base"]["folder"],
            "accuracy": f"{result['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%}) of "
            f"{result['test_examples']:,} images",
            "run folder": str(folder),
            "report": str(folder / "report" / "index.html"),
        }
    )

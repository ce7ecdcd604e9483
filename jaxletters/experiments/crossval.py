"""Stratified cross-validation: each example is predicted once, by a network that was not trained on it."""

import io
import statistics
from pathlib import Path

import numpy as np
from jax.sharding import Mesh

from jaxletters.config import validation
from jaxletters.config.schema import CrossvalConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import datasets, splits, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation import analysis, inference, metrics
from jaxletters.evaluation.result import CrossvalFacts, FoldFacts, Result
from jaxletters.experiments import base, claims, fitting, results, terminal
from jaxletters.experiments.fitting import Fitted, Transfer
from jaxletters.models import summary
from jaxletters.runs import workdir
from jaxletters.runtime import console, sharding
from jaxletters.runtime.files import load_json, write_bytes, write_json


def run(config: CrossvalConfig, folder: Path) -> Result:
    """Trains and tests one fold after another, and writes the report of all predictions together.

    Folds do not run in parallel (`jax.vmap`), because that is not faster on a CPU: a step of ten folds of
    configs/alphadigits_scratch.py took 386 to 461 ms in parallel, 355 to 446 ms in sequence (2026-11-23).

    Args:
        config: the experiment.
        folder: the run folder, with a folder for each fold inside. Finished folds are not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem that the user can correct.
        Interrupted: a signal asked to stop; the same call continues the run.
    """
    mesh = sharding.data_mesh()
    validation.check(config, mesh.size)
    folder = folder.absolute()
    if (result := claims.earlier_result(config, folder)) is not None:
        terminal.show(result, folder, terminal.EARLIER)
        return result
    source = DatasetSplits(config.dataset)
    layers = fitting.check(config, source.info)
    transfer = fitting.load_base(config, source.info, folder)
    part = splits.training_pool(source, config.split, config.seed)
    dataset = source.take(part)
    fold_of = stratified.folds(dataset.labels, config.folds, config.seed)
    origin = transfer.base if transfer else None
    if origin:
        base.check_unseen(origin, "test", source.hashes(part))
    data = claims.describe_data(config, source, (source.hashes(part), fold_of))
    claims.claim(config, folder, data, origin)
    console.print_table_with_total(*summary.table(layers))
    logits = np.empty((len(dataset.labels), len(dataset.class_names)), np.float32)
    folds: list[FoldFacts] = []
    for fold in range(config.folds):
        tested = fold_of == fold
        place = folder / f"fold{fold + 1:02}"
        logits[tested], facts = _fold(config, transfer, dataset, tested, place, mesh)
        folds.append(facts)
    result = results.write(config, folder, _facts(folds), [], dataset, dataset, logits)
    terminal.show(result, folder)
    return result


def _fold(
    config: CrossvalConfig,
    transfer: Transfer | None,
    dataset: Dataset,
    tested: np.ndarray,
    folder: Path,
    mesh: Mesh,
) -> tuple[np.ndarray, FoldFacts]:
    """Returns the logits of the tested examples, and facts about the training on all others."""
    record, predictions = folder / "fold.json", folder / "logits.npy"
    if record.exists():
        if not predictions.exists():
            raise UserError(
                f"{predictions}: expected the logits of a finished fold, found none; restore the file, or "
                f"remove {folder} to train the fold again"
            )
        return np.load(predictions), load_json(record)
    others = datasets.take(dataset, np.flatnonzero(~tested))
    kept, held_out = stratified.hold_out(
        others.labels, config.split.validation_per_class, config.seed
    )
    train, validation = datasets.take(others, kept), datasets.take(others, held_out)
    fitted = fitting.fit(config, transfer, train, validation, folder, mesh, brief=True)
    logits, facts = _test(fitted, datasets.take(dataset, np.flatnonzero(tested)), folder)
    content = io.BytesIO()
    np.save(content, logits)
    write_bytes(predictions, content.getvalue())
    # The last file, because its existence means that the fold is finished.
    write_json(record, facts)
    accuracy = facts["right"] / facts["examples"]
    console.notice(
        f"{folder.name} of {config.folds}: {accuracy:.2%} of {facts['examples']} examples"
    )
    return logits, facts


def _test(fitted: Fitted, examples: Dataset, folder: Path) -> tuple[np.ndarray, FoldFacts]:
    reads = workdir.count_test_read(folder)
    logits = inference.logits(fitted.model, fitted.variables, examples.images, fitted.mesh)
    facts: FoldFacts = {
        **fitted.facts,
        "examples": len(examples.labels),
        "right": int(metrics.correct(logits, examples.labels).sum()),
        "test_split_reads": reads,
    }
    return logits, facts


def _facts(folds: list[FoldFacts]) -> CrossvalFacts:
    return {
        "experiment": "cross-validation",
        "parameters": folds[0]["parameters"],
        "epochs": statistics.mean(fold["epochs"] for fold in folds),
        "steps": sum(fold["steps"] for fold in folds),
        "training_seconds": sum(fold["training_seconds"] for fold in folds),
        **analysis.fold_scores([fold["right"] / fold["examples"] for fold in folds]),
        "base": folds[0].get("base"),
        # Each fold has its own test examples.
        "test_split_reads": max(fold["test_split_reads"] for fold in folds),
    }

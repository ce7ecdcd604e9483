"""Stratified cross-validation: every example is predicted once, by a network that has not seen it."""

import io
import statistics
from pathlib import Path
from typing import cast

import numpy as np
from jax.sharding import Mesh

from jaxletters.config import validation
from jaxletters.config.schema import CrossvalConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import datasets, splits, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation import analysis, inference, metrics
from jaxletters.evaluation.result import CrossvalFacts, CrossvalResult, FoldFacts
from jaxletters.experiments import base, fitting, results
from jaxletters.experiments.fitting import Start
from jaxletters.models import summary
from jaxletters.runs import manifest, workdir
from jaxletters.runtime import console, sharding
from jaxletters.runtime.files import load_json, write_bytes, write_json


def run(config: CrossvalConfig, folder: Path) -> CrossvalResult:
    """Trains and tests fold after fold, or goes on, and writes the report of all predictions together.

    One after another, because all folds at once (`jax.vmap`) are not faster on a CPU: a step of ten folds
    of configs/alphadigits_scratch.py took 386 to 461 ms so, 355 to 446 ms one by one (2026-11-23).

    Args:
        config: the experiment.
        folder: the run folder; each fold has one of its own inside. What is finished is not repeated.

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
    if (finished := cast(CrossvalResult | None, workdir.result(folder))) is not None:
        manifest.check_finished(folder, config, base.now(config.base))
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    source = DatasetSplits(config.dataset)
    layers = fitting.check(config, source.info)
    begin = fitting.start(config, source.info, folder)
    part = splits.training_pool(source, config.split, config.seed)
    whole = source.take(part)
    fold_of = stratified.folds(whole.labels, config.folds, config.seed)
    if begin.base:
        base.check_unseen(begin.base, "test", source.hashes(part))
    about = manifest.describe_data(
        source, manifest.splits_used(config, source.names), (source.hashes(part), fold_of)
    )
    manifest.tell(about, source, console.notice)
    manifest.claim(
        folder,
        config,
        console.notice,
        about,
        begin.base.facts if begin.base else None,
        begin.base.trained_on if begin.base else (),
    )
    console.print_table_with_total(*summary.table(layers))
    folds = [
        _fold(config, begin, whole, fold_of == fold, folder / f"fold{fold + 1:02}", mesh)
        for fold in range(config.folds)
    ]
    logits = np.empty((len(whole.labels), len(whole.class_names)), np.float32)
    for fold, (predicted, _) in enumerate(folds):
        logits[fold_of == fold] = predicted
    facts = _facts([about for _, about in folds])
    result = cast(CrossvalResult, results.write(config, folder, facts, [], whole, whole, logits))
    _show(result, folder, "finished")
    return result


def _fold(
    config: CrossvalConfig,
    begin: Start,
    whole: Dataset,
    unseen: np.ndarray,
    folder: Path,
    mesh: Mesh,
) -> tuple[np.ndarray, FoldFacts]:
    """Returns the logits of the unseen examples, and facts about the training on all others."""
    record, predictions = folder / "fold.json", folder / "logits.npy"
    if record.exists():
        if not predictions.exists():
            raise UserError(
                f"{predictions}: expected the logits of a finished fold, found none; restore the file, or "
                f"remove {folder} to train the fold again"
            )
        return np.load(predictions), load_json(record)
    others = datasets.take(whole, np.flatnonzero(~unseen))
    kept, held_out = stratified.hold_out(
        others.labels, config.split.validation_per_class, config.seed
    )
    train, validation = datasets.take(others, kept), datasets.take(others, held_out)
    fitted = fitting.fit(config, begin, train, validation, folder, mesh, brief=True)
    reads = workdir.count_test_read(folder)
    examples = datasets.take(whole, np.flatnonzero(unseen))
    logits = inference.logits(fitted.model, fitted.variables, examples.images, mesh)
    right = int(metrics.correct(logits, examples.labels).sum())
    facts: FoldFacts = {
        **fitted.facts,
        "examples": len(examples.labels),
        "right": right,
        "test_split_reads": reads,
    }
    file = io.BytesIO()
    np.save(file, logits)
    write_bytes(predictions, file.getvalue())
    # Last, because it is what says that a fold is finished.
    write_json(record, facts)
    share = right / len(examples.labels)
    console.notice(
        f"{folder.name} of {config.folds}: {share:.2%} of {len(examples.labels)} examples"
    )
    return logits, facts


def _facts(folds: list[FoldFacts]) -> CrossvalFacts:
    return {
        "experiment": "cross-validation",
        "parameters": folds[0]["parameters"],
        "epochs": statistics.mean(fold["epochs"] for fold in folds),
        "steps": sum(fold["steps"] for fold in folds),
        "training_seconds": sum(fold["training_seconds"] for fold in folds),
        **analysis.over_folds([fold["right"] / fold["examples"] for fold in folds]),
        "base": folds[0].get("base"),
        # Each fold has test examples of its own.
        "test_split_reads": max(fold["test_split_reads"] for fold in folds),
    }


def _show(result: CrossvalResult, folder: Path, state: str) -> None:
    console.print_results(
        {
            "run": state,
            "dataset": console.dataset_title(result),
            "accuracy": f"{result['fold_mean']:.2%} on average over "
            f"{len(result['fold_accuracies'])} folds (standard deviation {result['fold_deviation']:.2%})",
            "all folds together": f"{result['test_accuracy']:.2%} of {result['test_examples']:,} images",
            "training time": console.format_duration(result["training_seconds"]),
            "run folder": str(folder),
            "report": str(folder / "report" / "index.html"),
        }
    )

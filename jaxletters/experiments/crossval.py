"""Stratified cross-validation: each example is predicted once, by a network that was not trained on it."""

import io
import statistics
from pathlib import Path

import numpy as np
from jax.sharding import Mesh

from jaxletters.config.schema import CrossvalConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import datasets, left_out, selection, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation import analysis, inference, metrics
from jaxletters.evaluation.result import CrossvalFacts, FoldFacts, Result
from jaxletters.experiments import claims, fitting, origins, results, terminal, transfer
from jaxletters.experiments.fitting import Fitted
from jaxletters.experiments.transfer import Origins
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
    folder = folder.absolute()
    if (result := claims.earlier_result(config, folder, mesh.size)) is not None:
        return result
    splits = DatasetSplits(config.dataset)
    layers = fitting.check(config, splits.info)
    taken = transfer.load(config, splits.info, folder, mesh)
    pool = selection.training_pool(splits, config.split, config.seed)
    dataset = splits.take(pool)
    seed = selection.seed_of(config.split, config.seed)
    fold_of = stratified.folds(dataset.labels, config.folds, seed)
    for origin in taken.runs:
        origins.check_unseen(origin, "test", splits.hashes(pool))
    is_left_out = left_out.contains(config.split.leave_out, splits, pool)
    data = claims.describe_data(config, splits, (splits.hashes(pool), fold_of))
    claims.claim_folder(config, folder, data, taken.runs)
    console.print_table_with_total(*summary.table(layers))
    logits = np.empty((len(dataset.labels), len(dataset.class_names)), np.float32)
    folds: list[FoldFacts] = []
    for fold in range(config.folds):
        is_tested = fold_of == fold
        fold_folder = folder / f"fold{fold + 1:02}"
        logits[is_tested], facts = _run_fold(
            config, taken, dataset, is_tested, is_left_out, fold_folder, mesh
        )
        folds.append(facts)
    result = results.write(config, folder, _facts(folds), [], dataset, dataset, logits)
    terminal.show(result, folder)
    return result


def _run_fold(
    config: CrossvalConfig,
    taken: Origins,
    dataset: Dataset,
    is_tested: np.ndarray,
    is_left_out: np.ndarray,
    folder: Path,
    mesh: Mesh,
) -> tuple[np.ndarray, FoldFacts]:
    """Trains on the other folds and tests on this one, unless the fold is finished.

    Args:
        config: the experiment.
        taken: its initial weights and its teacher, if there are any.
        dataset: the examples of all folds.
        is_tested: bool `[n]`, true for the examples of this fold.
        is_left_out: bool `[n]`, true for the examples that no fold is trained on.
        folder: of this fold.
        mesh: the devices.

    Returns:
        The logits of the fold's examples, and facts about the training and the test.
    """
    facts_file, logits_file = folder / "fold.json", folder / "logits.npy"
    if facts_file.exists():
        if not logits_file.exists():
            raise UserError(
                f"{logits_file}: expected the logits of a finished fold, found no file; restore the file, or "
                f"remove {folder} to train the fold again"
            )
        return np.load(logits_file), load_json(facts_file)
    others = np.flatnonzero(~is_tested)
    seed = selection.seed_of(config.split, config.seed)
    per_class = config.split.validation_per_class
    training, held_out = stratified.hold_out(dataset.labels[others], per_class, seed)
    training = training[~is_left_out[others[training]]]
    train, validation = (datasets.take(dataset, others[part]) for part in (training, held_out))
    fitted = fitting.fit(config, taken, train, validation, folder, mesh, brief=True)
    logits, facts = _test(fitted, datasets.take(dataset, np.flatnonzero(is_tested)), folder)
    content = io.BytesIO()
    np.save(content, logits)
    write_bytes(logits_file, content.getvalue())
    # The last file, because its existence means that the fold is finished.
    write_json(facts_file, facts)
    accuracy = facts["right"] / facts["examples"]
    console.notice(
        f"{folder.name} of {config.folds}: {accuracy:.2%} of {facts['examples']} examples"
    )
    return logits, facts


def _test(fitted: Fitted, examples: Dataset, folder: Path) -> tuple[np.ndarray, FoldFacts]:
    """Returns the logits of a fold's examples, and facts about its training and test."""
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
    """Returns the experiment's part of the result, from the facts of its folds."""
    return {
        "experiment": "cross-validation",
        "parameters": folds[0]["parameters"],
        "epochs": statistics.mean(fold["epochs"] for fold in folds),
        "steps": sum(fold["steps"] for fold in folds),
        "training_seconds": sum(fold["training_seconds"] for fold in folds),
        **analysis.fold_scores([fold["right"] / fold["examples"] for fold in folds]),
        "base": folds[0].get("base"),
        "teacher": folds[0].get("teacher"),
        # Each fold has its own test examples.
        "test_split_reads": max(fold["test_split_reads"] for fold in folds),
    }

"""The examples of a finished cross-validation, with the logits of networks that did not learn from them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.config import serialization, user_code
from jaxletters.config.schema import Split
from jaxletters.config.slots import Source
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import selection, stratified
from jaxletters.data.datasets import DatasetSplits
from jaxletters.runs import consistency, data_description, manifest, predictions, workdir
from jaxletters.runtime import files
from jaxletters.runtime.files import load_json


class OutOfFold(NamedTuple):
    """The examples of a cross-validation.

    Attributes:
        examples: their images, at the size of the network's input, and labels.
        hashes: of their images before they are resized: uint64 `[n]`.
        indices: their places in the training split: int64 `[n]`.
        logits: float32 `[n, classes]`, each by the network of the fold that it is in.
    """

    examples: Dataset
    hashes: np.ndarray
    indices: np.ndarray
    logits: np.ndarray


def load(folder: Path) -> OutOfFold:
    """Returns the examples of a finished cross-validation.

    Raises:
        UserError: there is no finished cross-validation, its config or its data changed, or it is damaged.
    """
    files.check_encoding(folder)
    result = workdir.require_result(folder)
    if (kind := result.get("experiment")) != "cross-validation":
        raise UserError(
            f"{folder}: expected a cross-validation, found a run of the kind {kind!r}; make one of its "
            "config with jl.cross_validated"
        )
    stored, values = manifest.load(folder), load_json(folder / "config.json")
    consistency.check_config(folder, stored, values)
    source = user_code.load_part(values["dataset"], Source, folder)
    assert stored.data is not None, "a cross-validation has data"
    splits, split = DatasetSplits(source), serialization.instantiate(values["split"], Split)
    pool = selection.training_pool(splits, split, values["seed"])
    examples, hashes = splits.take(pool), splits.hashes(pool)
    seed = selection.seed_of(split, values["seed"])
    folds = stratified.folds(examples.labels, values["folds"], seed)
    described = data_description.describe(splits, stored.data["splits"], (hashes, folds))
    # What the networks were not trained on does not matter here.
    described["left_out"] = stored.data["left_out"]
    consistency.check_examples(folder, stored, described)
    found = predictions.load(folder)
    if found is None or not np.array_equal(found.labels, examples.labels):
        raise UserError(
            f"{folder / 'report' / 'predictions.npz'}: expected a prediction of each of the "
            f"{len(examples.labels):,} examples, found others; restore the file, or run it again elsewhere"
        )
    if diverged := int((~np.isfinite(found.logits)).any(axis=1).sum()):
        raise UserError(
            f"{folder}: expected finite logits, found {diverged:,} examples with others: a fold diverged; "
            "run it again with a smaller learning rate in another folder"
        )
    return OutOfFold(examples, hashes, pool.indices, found.logits)

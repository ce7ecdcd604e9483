"""Selects the training, validation and test examples of a run, as its config's `split` says."""

from collections.abc import Collection

import numpy as np

from jaxletters.config.schema import Split
from jaxletters.config.slots import Source
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import left_out, stratified
from jaxletters.data.datasets import DatasetSplits, Subset


def check_test(dataset: str, names: Collection[str], split: Split) -> None:
    """Checks by the names of a dataset's splits that a config can be tested on it.

    Raises:
        UserError: the dataset has no test examples, or `test_share` would replace its own test split.
    """
    if split.test_on == "validation":
        return
    if "test" not in names and not split.test_share:
        raise UserError(
            f"config.dataset: {dataset} has no test split to report on; set config.split.test_share=0.2, "
            "cross-validate, or train on another dataset"
        )
    if "test" in names and split.test_share:
        raise UserError(
            f"config.split.test_share: expected 0, because {dataset} has a test split, found "
            f"{split.test_share}; set it to 0"
        )


def seed_of(split: Split, seed: int) -> int:
    """Returns the seed that chooses the examples of a run with a seed of its own."""
    return seed if split.seed < 0 else split.seed


def training_pool(splits: DatasetSplits, split: Split, seed: int) -> Subset:
    """Returns the examples for training and validation: the training split, or `limit` of them."""
    labels, seed = splits.raw("train").labels, seed_of(split, seed)
    indices = np.arange(len(labels))
    if split.test_share:
        indices = stratified.hold_out_test(labels, split.test_share, seed)[0]
    if split.limit:
        indices = indices[stratified.limit(labels[indices], split.limit, seed)]
    return Subset("train", indices)


def train_and_validation(splits: DatasetSplits, split: Split, seed: int) -> tuple[Subset, Subset]:
    """Returns the training examples and the validation examples, which can be empty."""
    pool = training_pool(splits, split, seed)
    per_class = split.validation_per_class
    if per_class and "validation" in splits.names:
        return _without_listed(splits, split, pool), splits.whole("validation")
    labels = splits.raw("train").labels[pool.indices]
    kept, held_out = stratified.hold_out(labels, per_class, seed_of(split, seed))
    training = Subset("train", pool.indices[kept])
    return _without_listed(splits, split, training), Subset("train", pool.indices[held_out])


def _without_listed(splits: DatasetSplits, split: Split, training: Subset) -> Subset:
    """Returns training examples without those that `split.leave_out` lists."""
    listed = left_out.contains(split.leave_out, splits, training)
    return training._replace(indices=training.indices[~listed])


def test(splits: DatasetSplits, split: Split, seed: int) -> Subset:
    """Returns the test examples: the test split, or a share of the training split.

    With `test_on="validation"` they are the validation examples, and the test split is not loaded.
    """
    if split.test_on == "validation":
        return train_and_validation(splits, split, seed)[1]
    if not split.test_share:
        return splits.whole("test")
    labels = splits.raw("train").labels
    return Subset(
        "train", stratified.hold_out_test(labels, split.test_share, seed_of(split, seed))[1]
    )


def zero_shot_test(splits: DatasetSplits) -> Subset:
    """Returns the test examples for a network trained on other data: the test split, or else all examples."""
    return splits.whole("test" if "test" in splits.names else "train")


def load_training_pool(source: Source, split: Split, seed: int) -> Dataset:
    """Returns the examples of `training_pool`, loaded for a contact sheet."""
    splits = DatasetSplits(source)
    return splits.take(training_pool(splits, split, seed))

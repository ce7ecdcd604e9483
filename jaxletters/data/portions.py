"""Which examples a run learns from, which it chooses its best weights by, and which it is tested on."""

import numpy as np

from jaxletters import data
from jaxletters.config import DatasetConfig
from jaxletters.data import Part, Splits, splits
from jaxletters.errors import UserError
from jaxletters.types import Dataset


def check_test(config: DatasetConfig) -> None:
    """Looks whether there will be examples to test on; reads none.

    Raises:
        UserError: there will not, or the dataset's own test split is to be replaced.
    """
    if config.test_on == "validation":
        return
    own = "test" in data.split_names(config)
    if not own and not config.test_share:
        raise UserError(
            f"config.dataset.name: {config.name} has no test split to report on; set "
            "config.dataset.test_share=0.2, cross-validate, or train on another dataset"
        )
    if own and config.test_share:
        raise UserError(
            f"config.dataset.test_share: {config.name} has a test split of its own; set it to 0"
        )


def everything(source: Splits, seed: int) -> Part:
    """Returns all that may be learned from: the training split, or so much of it as `limit` allows."""
    config, labels = source.config, source.raw("train").labels
    indices = np.arange(len(labels))
    if config.test_share:
        indices = splits.hold_out_test(labels, config.test_share, seed)[0]
    if config.limit:
        indices = indices[splits.limit(labels[indices], config.limit, seed)]
    return Part("train", indices)


def training(source: Splits, seed: int) -> tuple[Part, Part]:
    """Returns the examples to learn from and those to validate on, which may be none."""
    train = everything(source, seed)
    per_class = source.config.validation_per_class
    if per_class and "validation" in source.names:
        return train, source.whole("validation")
    kept, held_out = splits.hold_out(source.raw("train").labels[train.indices], per_class, seed)
    return Part("train", train.indices[kept]), Part("train", train.indices[held_out])


def test(source: Splits, seed: int) -> Part:
    """Returns the examples to test on: the test split, or a share of the training split.

    With `test_on="validation"` those to validate on; the test split is not read then.
    """
    config = source.config
    if config.test_on == "validation":
        return training(source, seed)[1]
    if not config.test_share:
        return source.whole("test")
    labels = source.raw("train").labels
    return Part("train", splits.hold_out_test(labels, config.test_share, seed)[1])


def unseen(source: Splits) -> Part:
    """Returns what a network trained on other data is tested on: the test split, or else everything."""
    return source.whole("test" if "test" in source.names else "train")


def sample(config: DatasetConfig, seed: int) -> Dataset:
    """Returns all that may be learned from, for a contact sheet."""
    source = Splits(config)
    return source.take(everything(source, seed))

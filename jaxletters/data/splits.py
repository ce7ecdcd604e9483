"""Which examples a run learns from, which it chooses its best weights by, and which it is tested on."""

from collections.abc import Collection

import numpy as np

from jaxletters.config.schema import Split
from jaxletters.config.slots import Source
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import splitting
from jaxletters.data.datasets import Part, Splits


def check_test(dataset: str, names: Collection[str], split: Split) -> None:
    """Looks whether there will be examples to test on; reads none.

    Args:
        dataset: its name.
        names: of its splits.
        split: which examples are held out.

    Raises:
        UserError: there will not, or the dataset's own test split is to be replaced.
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
            f"config.split.test_share: {dataset} has a test split of its own; set it to 0"
        )


def everything(source: Splits, split: Split, seed: int) -> Part:
    """Returns all that may be learned from: the training split, or so much of it as `limit` allows."""
    labels = source.raw("train").labels
    indices = np.arange(len(labels))
    if split.test_share:
        indices = splitting.hold_out_test(labels, split.test_share, seed)[0]
    if split.limit:
        indices = indices[splitting.limit(labels[indices], split.limit, seed)]
    return Part("train", indices)


def training(source: Splits, split: Split, seed: int) -> tuple[Part, Part]:
    """Returns the examples to learn from and those to validate on, which may be none."""
    train = everything(source, split, seed)
    per_class = split.validation_per_class
    if per_class and "validation" in source.names:
        return train, source.whole("validation")
    kept, held_out = splitting.hold_out(source.raw("train").labels[train.indices], per_class, seed)
    return Part("train", train.indices[kept]), Part("train", train.indices[held_out])


def test(source: Splits, split: Split, seed: int) -> Part:
    """Returns the examples to test on: the test split, or a share of the training split.

    With `test_on="validation"` those to validate on; the test split is not read then.
    """
    if split.test_on == "validation":
        return training(source, split, seed)[1]
    if not split.test_share:
        return source.whole("test")
    labels = source.raw("train").labels
    return Part("train", splitting.hold_out_test(labels, split.test_share, seed)[1])


def unseen(source: Splits) -> Part:
    """Returns what a network trained on other data is tested on: the test split, or else everything."""
    return source.whole("test" if "test" in source.names else "train")


def sample(source: Source, split: Split, seed: int) -> Dataset:
    """Returns all that may be learned from, for a contact sheet."""
    opened = Splits(source)
    return opened.take(everything(opened, split, seed))

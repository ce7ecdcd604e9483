"""Which examples a run learns from, which it chooses its best weights by, and which it is tested on."""

from jaxletters import data
from jaxletters.config import DatasetConfig
from jaxletters.data import provenance, splits
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


def everything(config: DatasetConfig, seed: int) -> Dataset:
    """Returns all that may be learned from: the training split, or so much of it as `limit` allows."""
    train = data.load(config, "train")
    if config.test_share:
        train = splits.take(train, splits.hold_out_test(train.labels, config.test_share, seed)[0])
    if config.limit:
        train = splits.take(train, splits.limit(train.labels, config.limit, seed))
    return train


def training(config: DatasetConfig, seed: int) -> tuple[Dataset, Dataset]:
    """Returns the examples to learn from and those to validate on, which may be none."""
    train = everything(config, seed)
    if config.validation_per_class and "validation" in data.split_names(config):
        return train, data.load(config, "validation")
    kept, held_out = splits.hold_out(train.labels, config.validation_per_class, seed)
    return splits.take(train, kept), splits.take(train, held_out)


def test(config: DatasetConfig, seed: int) -> Dataset:
    """Returns the examples to test on: the test split, or a share of the training split.

    With `test_on="validation"` those to validate on; the test split is not read then.
    """
    if config.test_on == "validation":
        return training(config, seed)[1]
    if not config.test_share:
        return data.load(config, "test")
    train = data.load(config, "train")
    return splits.take(train, splits.hold_out_test(train.labels, config.test_share, seed)[1])


def unseen(config: DatasetConfig) -> Dataset:
    """Returns what a network trained on other data is tested on: the test split, or else everything."""
    return data.load(config, "test" if "test" in data.split_names(config) else "train")


def note(config: DatasetConfig) -> str:
    """Returns what must be said of the dataset wherever a figure on it stands, or ""."""
    names = data.split_names(config)
    notes = [provenance.note(config, lambda: tuple(data.count(config, name) for name in names))]
    if config.test_on == "validation":
        notes.append("tested on the validation examples")
    return ", ".join(filter(None, notes))

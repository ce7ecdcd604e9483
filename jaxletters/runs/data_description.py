"""The description of a run's data in its manifest: digests of the splits, classes, shape of the images."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypedDict

from numpy.typing import NDArray

from jaxletters.config.builtin_sources import Builtin
from jaxletters.config.schema import Config, CrossvalConfig, ZeroShotConfig
from jaxletters.config.slots import Source
from jaxletters.core.errors import UserError
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.sources import provenance


class SplitDescription(TypedDict):
    """The fields of a `SplitDigest`."""

    examples: int
    images: str
    labels: str


class DataDescription(TypedDict):
    """What identifies the data of a run.

    "division" is the SHA-256 of which examples are trained on, validated on and tested on, "left_out" that of
    the examples in `config.split.leave_out`, or "" if there are none. The others are those of `DatasetInfo`.
    """

    dataset: str
    note: str
    class_names: list[str]
    image_shape: list[int]
    fit: str
    inverted: bool
    remarks: list[str]
    splits: dict[str, SplitDescription]
    division: str
    left_out: str


def splits_used(config: Config | ZeroShotConfig, names: Collection[str]) -> tuple[str, ...]:
    """Returns the splits of a dataset that an experiment reads, from the `names` of all its splits."""
    if isinstance(config, ZeroShotConfig):
        return ("test" if "test" in names else "train",)
    if isinstance(config, CrossvalConfig):
        return ("train",)
    used = ["train"]
    if config.split.validation_per_class and "validation" in names:
        used.append("validation")
    if config.split.test_on == "test" and not config.split.test_share:
        used.append("test")
    return tuple(used)


def describe(
    splits: DatasetSplits, names: Iterable[str], parts: Iterable[NDArray[Any]] = ()
) -> DataDescription:
    """Returns the description of a dataset.

    Args:
        splits: of the dataset.
        names: of those that the run depends on; no other is read.
        parts: which examples are trained on, validated on and tested on: arrays in that order.
    """
    division = hashlib.sha256()
    for part in parts:
        division.update(f"{part.dtype.str}{part.shape}".encode() + part.tobytes())
    digests = {split: splits.digest(split) for split in names}
    return {
        "dataset": splits.source.name,
        "note": splits.source.note(digests) or provenance.by_content(digests),
        "class_names": list(splits.info.class_names),
        "image_shape": list(splits.info.image_shape),
        "fit": splits.info.fit,
        "inverted": splits.info.inverted,
        "remarks": list(splits.info.remarks),
        "splits": {
            split: {"examples": digest.examples, "images": digest.images, "labels": digest.labels}
            for split, digest in digests.items()
        },
        "division": division.hexdigest(),
        "left_out": "",
    }


def describe_current(dataset: Source, names: tuple[str, ...]) -> DataDescription | None:
    """Returns the description of the named splits as they are now; None where their files are gone."""
    if not dataset.is_here():
        return None
    try:
        splits = DatasetSplits(dataset)
        return describe(splits, [name for name in names if name in splits.names])
    except UserError as error:
        # A user's own source need not check that its files exist.
        if dataset.defined_by is not None and isinstance(error.__cause__, OSError):
            return None
        raise


def report_findings(
    description: DataDescription, splits: DatasetSplits, notice: Callable[[str], None]
) -> None:
    """Checks the data, and reports what a user should know of them before they are used.

    Args:
        description: of the data.
        splits: the dataset.
        notice: called with each line.

    Raises:
        UserError: no network can be trained on the data.
    """
    # Published data were checked before.
    known = description["note"] in ("", "rebuilt split", "generated data")
    if not known or not isinstance(splits.source, Builtin):
        for line in splits.check(description["splits"]):
            notice(f"Look: {line}")

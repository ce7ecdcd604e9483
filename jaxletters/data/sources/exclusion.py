"""A dataset without the training examples of a list."""

import csv
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jaxletters.config.exclusion import Without
from jaxletters.config.slots import DatasetInfo, SplitDigest
from jaxletters.core.errors import UserError, one_line
from jaxletters.core.types import Dataset
from jaxletters.data import datasets
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.sources import provenance
from jaxletters.runtime import files

COLUMNS = ("image", "label")
"""The columns of a list that identify an example: the hash of its image in hex, the name of its class."""
_KEY = f"{datasets.KEY}.source"


def info(source: Without) -> DatasetInfo:
    """Returns the description of the dataset.

    Raises:
        UserError: the dataset does not exist.
    """
    return _splits(source).info


def read(source: Without, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns the examples of a split that are not left out; images of a mapped file stay there.

    Raises:
        UserError: files are missing or malformed, or the list has examples that the dataset lacks.
    """
    splits = _splits(source)
    kept = _without(source, splits, split, splits.raw(split))
    return kept.images, kept.labels


def resized_split(source: Without, split: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the images of a split, as `read` returns them, at the size of the network's input."""
    if split != "train":
        return source.source.resized_split(split, images)
    splits = _splits(source)
    # What the dataset does with an image may depend on its place in the split.
    return _without(source, splits, split, splits.take(splits.whole(split))).images


def is_here(source: Without) -> bool:
    """Returns whether the dataset and the list can be read."""
    return files.expand_user(source.file).is_file() and source.source.is_here()


def note(source: Without, digests: Mapping[str, SplitDigest]) -> str:
    """Returns the note of the dataset, with the number of examples that are left out."""
    splits = _splits(source)
    whole = {split: splits.digest(split) for split in digests}
    text = source.source.note(whole) or provenance.by_content(whole)
    missing = sum(whole[split].examples - digest.examples for split, digest in digests.items())
    return ", ".join(filter(None, (text, f"without {missing:,} examples" if missing else "")))


def _splits(source: Without) -> DatasetSplits:
    with datasets.renamed_key(_KEY):
        return DatasetSplits(source.source)


def _without(source: Without, splits: DatasetSplits, split: str, examples: Dataset) -> Dataset:
    """Returns the examples of a split that are not left out, from all of them, resized or not."""
    if split != "train":
        return examples
    hashes = splits.hashes(splits.whole(split))
    names = np.array(splits.info.class_names)
    listed = _listed(source)
    there = zip(hashes.tolist(), names[examples.labels].tolist(), strict=True)
    left_out = np.array([example in listed for example in there])
    missing = len(listed) - len({*zip(hashes[left_out], examples.labels[left_out], strict=True)})
    if missing:
        raise UserError(
            f"{datasets.KEY}.file: expected training examples of {source.name}, found {missing:,} of "
            f"{len(listed):,} in {source.file} that it does not have; make the list from this dataset"
        )
    return datasets.take(examples, np.flatnonzero(~left_out))


def _listed(source: Without) -> set[tuple[int, str]]:
    """Returns the examples of a list: the hash of each image, and the name of its class.

    Raises:
        UserError: the list cannot be read.
    """
    file = files.expand_user(source.file)
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return {
                (int(row[COLUMNS[0]], 16), row[COLUMNS[1]])
                for row in csv.DictReader(lines, strict=True)
            }
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else one_line(error)
        raise UserError(
            f"{datasets.KEY}.file: expected a table with the columns {' and '.join(COLUMNS)} in {file}, "
            f"found {reason}; write it with jaxletters suspects"
        ) from error

"""Lists of training examples that a run leaves out, such as `jaxletters suspects` writes."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError, one_line
from jaxletters.data.datasets import DatasetSplits, Subset
from jaxletters.runtime import files

COLUMNS = ("image", "label")
"""The columns that identify an example: the hash of its image in hex, the name of its class."""
_KEY = "config.split.leave_out"

Example = tuple[int, str]


def contains(list_file: str, splits: DatasetSplits, subset: Subset) -> NDArray[np.bool_]:
    """Returns which examples of a subset of the training split are in a list: bool `[n]`.

    Args:
        list_file: the list; "" for an empty list.
        splits: the dataset.
        subset: some examples of its training split.

    Raises:
        UserError: the list cannot be read, or has examples that the training split lacks.
    """
    if not list_file:
        return np.zeros(len(subset.indices), np.bool_)
    listed = _load(files.expand_user(list_file))
    whole = splits.whole(subset.split)
    names = np.array(splits.info.class_names)
    hashes, labels = splits.hashes(whole).tolist(), names[splits.raw(subset.split).labels].tolist()
    there = list(zip(hashes, labels, strict=True))
    if missing := len(listed.difference(there)):
        raise UserError(
            f"{_KEY}: expected training examples of {splits.source.name}, found {missing:,} of "
            f"{len(listed):,} in {list_file} that its training split lacks; make the list from this dataset"
        )
    return np.array([there[i] in listed for i in subset.indices.tolist()])


def is_here(list_file: str) -> bool:
    """Returns whether a list can be read, or there is none to read."""
    return not list_file or files.expand_user(list_file).is_file()


def digest(list_file: str) -> str:
    """Returns the SHA-256 of the examples in a list, in hex; "" for an empty list.

    Raises:
        UserError: the list cannot be read.
    """
    if not list_file or not (listed := _load(files.expand_user(list_file))):
        return ""
    lines = (f"{image:016x} {label}\n" for image, label in sorted(listed))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _load(file: Path) -> set[Example]:
    try:
        # Spreadsheets begin UTF-8 with a byte order mark.
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return set(_examples(file, lines))
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(
            f"{_KEY}: expected a list in {file}, found {one_line(error)}; write it with jaxletters suspects"
        ) from error


def _examples(file: Path, lines: TextIO) -> Iterator[Example]:
    reader = csv.DictReader(lines, strict=True)
    if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
        raise UserError(
            f"{_KEY}: expected the columns {' and '.join(COLUMNS)} in {file}, found "
            f"{', '.join(reader.fieldnames or ()) or 'an empty file'}; write it with jaxletters suspects"
        )
    for row in reader:
        image, label = (row[column] for column in COLUMNS)
        try:
            if label is None:
                raise TypeError("a line without a label")
            yield int(image, 16), label
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{_KEY}: expected the hash of an image and a label in line {reader.line_num} of {file}, "
                f"found {image!r} and {label!r}; write the list with jaxletters suspects"
            ) from error

"""Tables of numbers: a row per image, a column per pixel, and perhaps a column of labels."""

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from jaxletters.core.errors import UserError
from jaxletters.data.formats.contents import OpenFile

_MAX_LINE = 2**24
_LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
_ROWS_AT_ONCE = 10_000


def read(file: OpenFile, *, labelled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels `[n]` and pixels `[n, columns]` of a .csv file, with or without a header.

    If `labelled`, the first column has the labels, or the last if the header says so.

    Raises:
        UserError: the number of columns does not fit square images and their labels.
        ValueError: the file is damaged or no table of numbers.
    """
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        raise ValueError("no lines")
    fields = [field.strip().lower() for field in first.split(",")]
    # Of several columns the second is a pixel, wherever the label is.
    has_header = not _is_number(fields[:2][-1])
    label_is_last = (
        labelled and has_header and fields[-1] in _LABEL_COLUMNS and fields[0] not in _LABEL_COLUMNS
    )
    pixels = len(fields) - labelled
    if labelled:
        _check_columns(file.name, len(fields))
    labels: list[str] = []
    parts: list[np.ndarray] = []
    rows = lines if has_header else itertools.chain([first], lines)
    while batch := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        if label_is_last:
            batch, _, last = zip(*(line.rpartition(",") for line in batch), strict=True)
            labels += map(str.strip, last)
        elif labelled:
            first, _, batch = zip(*(line.partition(",") for line in batch), strict=True)
            labels += map(str.strip, first)
        parts.append(_numbers(batch, pixels))
    if not parts:
        raise ValueError("a header and no lines")
    names = np.array(labels)
    with contextlib.suppress(ValueError):
        names = names.astype(np.float64)
    return names, np.concatenate(parts)


def _check_columns(name: str, count: int) -> None:
    """Raises a UserError unless all columns but one are the pixels of a square."""
    if count > 1 and math.isqrt(count - 1) ** 2 == count - 1:
        return
    unlabelled = math.isqrt(count) ** 2 == count
    found = f"{count} columns, {'which are pixels without labels' if unlabelled else 'no square'}"
    raise UserError(
        f"{name}: expected the label and then a column for each pixel of a square, as 785, found "
        f"{found}; name a file with labels, such as Kaggle's train.csv"
    )


def _numbers(lines: Sequence[str], columns: int) -> np.ndarray:
    """Returns numbers `[len(lines), columns]` as uint8 where that loses nothing, else as float32."""
    numbers = np.loadtxt(lines, np.float32, delimiter=",", comments=None, ndmin=2)
    if numbers.shape != (len(lines), columns):
        raise ValueError(f"rows that are not all of {columns} pixels")
    with np.errstate(invalid="ignore"):
        small = numbers.astype(np.uint8)
    return small if (small == numbers).all() else numbers


def _lines(file: OpenFile) -> Iterator[str]:
    read = 0
    while line := file.stream.readline(_MAX_LINE):
        read += len(line)
        if read > file.max_bytes or len(line) == _MAX_LINE:
            raise ValueError(f"lines of more than {read:,} bytes")
        if text := line.decode("utf-8-sig" if read == len(line) else "utf-8").strip():
            yield text.replace('"', "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

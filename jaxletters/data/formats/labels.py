"""Converts arrays of labels (numbers, text, one-hot rows) to class indices and names."""

from typing import NamedTuple

import numpy as np

from jaxletters.core.errors import UserError, printable
from jaxletters.data import naming
from jaxletters.data.formats import alphabets
from jaxletters.data.formats.contents import NamedArray

_MOST_CLASSES = 10_000
_LARGEST = 2**31
_SET_NAMES = "set class_names=(...) if they mean something else"


class Classes(NamedTuple):
    """Labels and their classes."""

    labels: dict[str, np.ndarray]  # of every split: int32 `[n]`, indices of the names
    names: tuple[str, ...]  # one per class
    remarks: list[str]  # a sentence per assumption


class _Flat(NamedTuple):
    """Labels without one-hot rows."""

    name: str
    values: np.ndarray  # [n], int64 or text
    columns: int = 0  # the number of one-hot columns, or 0


class _Coding(NamedTuple):
    """The classes that labels stand for."""

    names: tuple[str, ...]
    numbers: dict[int, int] | dict[str, int]  # the index of the name for each label
    remark: str = ""


def standard(splits: dict[str, NamedArray], names: tuple[str, ...]) -> Classes:
    """Returns the labels of every split as numbers from 0, and the names of their classes.

    The labels of the training split define the classes.

    Args:
        splits: numbers, one-hot rows, text or bytes; "train" is one of them.
        names: of the classes; empty to infer them from the labels.

    Raises:
        UserError: the arrays are not labels, or do not fit the names or the training labels.
    """
    flat = {split: _flat(labels) for split, labels in splits.items()}
    train = flat["train"]
    coding = _coding_for_names(train, names) if names else _inferred_coding(train)
    labels = {split: _encoded(values, train, coding) for split, values in flat.items()}
    return Classes(labels, coding.names, [coding.remark] if coding.remark else [])


def _flat(labels: NamedArray) -> _Flat:
    name, values = labels
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: expected text in UTF-8, found {error}; save it so") from error
    text = values.dtype.kind == "U"
    if not values.size:
        raise UserError(f"{name}: expected labels, found an empty array; give one per image")
    if values.dtype.kind not in "buifU":
        first = printable(f"{values.reshape(-1)[:1].tolist()!r:.40}")
        raise UserError(
            f"{name}: expected labels as numbers or text, found {values.dtype} {first}; save one number or "
            "name per image"
        )
    if values.ndim == 1:
        return _Flat(name, values if text else _whole(values, name))
    if values.ndim != 2 or text:
        raise UserError(
            f"{name}: expected labels as [n] or, one-hot, [n, classes], found {list(values.shape)}; "
            "save one label per image"
        )
    columns = int(values.shape[-1])
    if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
        raise UserError(
            f"{name}: expected a single 1 in each row of {columns}, found others; save one number per image"
        )
    return _Flat(name, values.argmax(axis=1), columns)


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    low, high = values.min(), values.max()
    # This form of the comparison also rejects NaN.
    bad = not -_LARGEST < low <= high < _LARGEST
    if bad or (values.dtype.kind == "f" and (values != np.rint(values)).any()):
        raise UserError(
            f"{name}: expected whole numbers, one per class, found values from {low} to {high}; is it a "
            "quantity to predict rather than a class?"
        )
    return values.astype(np.int64)


def _coding_for_names(labels: _Flat, names: tuple[str, ...]) -> _Coding:
    """Returns the coding of labels for given class names."""
    if len(set(names)) != len(names):
        raise UserError("class_names: expected different ones, found some twice; name each once")
    if labels.values.dtype.kind == "U":
        return _Coding(names, {name: i for i, name in enumerate(names)})
    codes = {ord(name): i for i, name in enumerate(names) if len(name) == 1}
    occurring = np.unique(labels.values).tolist()
    low, high = occurring[0], occurring[-1]
    if high >= len(names) and low >= ord("0") and set(occurring) <= set(codes):
        return _Coding(names, dict(codes), "Labels are read as codes of characters.")
    unused = names[0] == alphabets.UNUSED and low > 0
    from_one = low > 0 and len(names) == (labels.columns - 1 if labels.columns else high)
    in_range = 0 <= low <= high - from_one < len(names)
    if labels.columns not in (0, len(names) + from_one) or not in_range:
        found = f"{labels.columns} columns" if labels.columns else f"labels {low} to {high}"
        raise UserError(
            f"{labels.name}: expected labels 0 to {len(names) - 1} or 1 to {len(names)} for {len(names)} "
            f"class names, found {found}; set class_names to one name per class"
        )
    remark = ""
    if from_one:
        guess = "" if low == 1 else ", which is a guess, because no label is 1"
        remark = f"Labels begin at 1; 1 is {names[0]}, the first of class_names{guess}."
    elif low > 0 and not unused:
        remark = (
            f"No label is 0, so no image is of {names[0]}; if labels begin at 1, set class_names to those "
            f"up to the last label, {high}."
        )
    return _Coding(names, {i + from_one: i for i in range(unused, len(names))}, remark)


def _inferred_coding(labels: _Flat) -> _Coding:
    """Returns the coding of labels without given class names."""
    occurring = np.unique(labels.values).tolist()
    count = len(occurring)
    all_differ = count == len(labels.values) and not labels.columns
    if max(count, labels.columns) > _MOST_CLASSES or all_differ:
        raise UserError(
            f"{labels.name}: expected several images of a class and at most {_MOST_CLASSES:,} classes, found "
            f"{count:,} different labels of {len(labels.values):,} images; is it a quantity to predict, or a "
            "number of each image?"
        )
    if labels.values.dtype.kind == "U":
        names = sorted(occurring, key=naming.natural_key)
        if bad := [name for name in names if not name.strip() or not name.isprintable()]:
            raise UserError(
                f"{labels.name}: expected names of classes, found {bad[0]!r}; correct it"
            )
        return _Coding(tuple(names), {name: i for i, name in enumerate(names)})
    low, high = occurring[0], occurring[-1]
    letters = len(alphabets.CAPITALS)
    from_one = low == 1 and high == letters if not labels.columns else low > 0
    if from_one and labels.columns in (0, letters + 1):
        return _Coding(
            alphabets.LETTERS,
            {i: i for i in range(1, letters + 1)},
            f"Labels 1 to 26 are taken for A to Z as in EMNIST Letters, which is a guess; {_SET_NAMES}.",
        )
    if labels.columns == letters or (not labels.columns and (low, high) == (0, letters - 1)):
        remark = (
            "Labels 0 to 25 are taken for A to Z, which is a guess: labels begin at 0 here, at 1 in EMNIST "
            f"Letters (add 1 to each for its numbering); {_SET_NAMES}."
        )
        return _Coding(alphabets.CAPITALS, {i: i for i in range(letters)}, remark)
    if labels.columns:
        return _coding_of(range(labels.columns))
    if low >= ord("0") and all(code < 128 and chr(code).isalnum() for code in occurring):
        names = tuple(map(chr, occurring))
        remark = f"Labels are taken for codes of characters, which is a guess; {_SET_NAMES}."
        return _Coding(names, {code: i for i, code in enumerate(occurring)}, remark)
    if low in (0, 1) and count == high - low + 1:
        return _coding_of(range(low, high + 1))
    remark = (
        f"Labels do not count up from 0 or 1; the classes are the {count:,} that occur from {low} to {high}, "
        "called by their numbers; set class_names=(...) to have others."
    )
    return _coding_of(occurring)._replace(remark=remark)


def _coding_of(numbers: range | list[int]) -> _Coding:
    return _Coding(tuple(map(str, numbers)), {number: i for i, number in enumerate(numbers)})


def _encoded(labels: _Flat, train: _Flat, coding: _Coding) -> np.ndarray:
    occurring, places = np.unique(labels.values, return_inverse=True)
    unknown = [value for value in occurring.tolist() if value not in coding.numbers]
    if unknown or labels.columns not in (train.columns, 0):
        allowed = [f"{value}" for value in coding.numbers]
        few = ", ".join(allowed if len(allowed) < 8 else [*allowed[:3], "...", allowed[-1]])
        found = repr(unknown[0]) if unknown else f"rows of {labels.columns} columns"
        raise UserError(
            f"{labels.name}: expected labels {printable(few)}, found {printable(found)}; is it another "
            "dataset's, or class_names?"
        )
    table = np.array([coding.numbers[value] for value in occurring.tolist()], np.int32)
    return table[places.reshape(-1)]

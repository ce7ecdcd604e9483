"""Files of arrays: NumPy's, tables of numbers, EMNIST's MATLAB files, idx."""

import contextlib
import gzip
import itertools
import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from jaxletters.core.errors import UserError, one_line, printable
from jaxletters.data.formats import alphabets, idx, mat
from jaxletters.data.formats.pixels import Named

# A split's arrays, as Keras and its users, scikit-learn and this project's course call them.
_WORDS = {
    "train": ("train",),
    "validation": ("validation", "validate", "valid", "val"),
    "test": ("test",),
}
_PAIRS = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))
_NAMES = {
    split: [(x.format(word), y.format(word)) for word in words for x, y in _PAIRS]
    for split, words in _WORDS.items()
}
_NAMES["train"] += [("images", "labels"), ("x", "y"), ("data", "target"), ("arr_0", "arr_1")]
_NAMES["test"] += [("arr_2", "arr_3")]
# As float64, EMNIST Letters takes 0.8 GB. What is inflated to more, and to 20 times the file, is hostile.
_MOST_BYTES, _MOST_INFLATED = 2**30, 20
_LONGEST_LINE = 2**24
_LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
_AT_ONCE = 10_000


class _File(NamedTuple):
    """An open file: what errors call it, its bytes, inflated, and how many an array may take."""

    name: str
    stream: IO[bytes]
    most: int


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        splits: images and labels of each.
        class_names: of all classes, if the file says them.
        remarks: what of it is not used, a sentence each.
    """

    splits: dict[str, tuple[Named, Named]]
    class_names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read(path: Path) -> Contents:
    """Returns the images of a file that holds their labels, too.

    Raises:
        UserError: it is no such file, or damaged.
    """
    with _opened(path) as (file, kind):
        if kind == "npz":
            return _npz(file)
        if kind == "mat":
            return _emnist(file)
        if kind == "csv":
            labels, images = _table(file, labelled=True)
            pair = (Named(file.name, images), Named(f"{file.name}: labels", labels))
            return Contents({"train": pair}, alphabets.of_file(path.name))
        raise UserError(
            f"{file.name}: expected a file of images and labels, found a single array; name the other: "
            "config.dataset.images=..., config.dataset.labels=..."
        )


def read_array(path: Path) -> Named:
    """Returns the only array of a file, or a table without labels.

    Raises:
        UserError: it is no such file, damaged, or holds several arrays.
    """
    with _opened(path) as (file, kind):
        if kind == "idx":
            return Named(file.name, idx.read(file.stream, file.name, None))
        if kind == "npy":
            return Named(file.name, _npy(file.stream, file.most))
        if kind == "csv":
            return Named(file.name, _table(file, labelled=False)[1])
        found = "MATLAB's"
        if kind == "npz":
            with zipfile.ZipFile(file.stream) as archive:
                members = _members(archive)
                if len(members) == 1:
                    return Named(file.name, _member(file, archive, *members))
            found = _listed(members)
        raise UserError(
            f"{file.name}: expected one array, found {found}; leave config.dataset.labels empty if the file "
            "holds them, too"
        )


def is_emnists(path: Path) -> bool:
    """Returns whether a file holds its images transposed, as those of EMNIST's authors and on Kaggle do."""
    with _opened(path) as (_, kind):
        return kind == "mat" or (kind in ("csv", "idx") and path.name.lower().startswith("emnist-"))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[_File, str]]:
    """Yields a file, inflated, and which kind it is; turns what it raises into a UserError."""
    name = printable(str(path))
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(path.open("rb"))
            if stream.read(2) == b"\x1f\x8b":
                stream.seek(0)
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))  # pyright: ignore[reportAssignmentType]
            stream.seek(0)
            head = stream.read(128)
            stream.seek(0)
            most = max(_MOST_BYTES, _MOST_INFLATED * path.stat().st_size)
            yield _File(name, stream, most), _kind(head)
    except UserError:
        raise
    # What NumPy and zipfile raise on a damaged file is nearly anything.
    except Exception as error:
        raise UserError(
            f"{name}: expected a sound .npz, .npy, .csv, idx or EMNIST's .mat file, found "
            f"{one_line(error)}; fetch it again, or save it in one of these formats"
        ) from error


def _kind(head: bytes) -> str:
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "npz"
    if head.startswith(np.lib.format.MAGIC_PREFIX):
        return "npy"
    if head[126:128] in (b"IM", b"MI"):
        return "mat"
    if head.startswith(b"\0\0\x08"):
        return "idx"
    if b"\0" in head or b"<" in head or not head.lstrip()[:1].decode("latin-1").isprintable():
        raise ValueError("other content")
    if not head:
        raise ValueError("an empty file")
    return "csv"


def _npy(stream: IO[bytes], most: int) -> np.ndarray:
    """Returns an array from NumPy's format; never unpickles anything, nor believes the header."""
    version = np.lib.format.read_magic(stream)
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in headers:
        raise ValueError(f"version {version} of NumPy's format")
    shape, columns_first, dtype = headers[version](stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects, perhaps of rows of several lengths")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > most:
        raise ValueError(f"an array of {size:,} bytes where at most {most:,} are read")
    # One byte more than there should be, so that zipfile compares the checksum.
    content = stream.read(size + 1)
    if len(content) != size:
        raise ValueError(f"other than the {size:,} bytes that the header says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}


def _member(file: _File, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        with archive.open(_members(archive)[name]) as stream:
            return _npy(stream, file.most)
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{name} that cannot be read ({reason})") from error


def _listed(names: Iterable[str]) -> str:
    return printable(f"{', '.join(names):.300}") or "none"


def _npz(file: _File) -> Contents:
    with zipfile.ZipFile(file.stream) as archive:
        members = [*_members(archive)]
        spelled = {name.lower(): name for name in members}
        used = {
            split: [spelled[name] for name in pair]
            for split, pairs in _NAMES.items()
            if (pair := next((pair for pair in pairs if set(pair) <= set(spelled)), None))
        }
        if "train" not in used and "test" not in used:
            raise UserError(
                f"{file.name}: expected arrays x_train and y_train, train_images and train_labels, images "
                "and labels, x and y, data and target (also for val and test), found "
                f"{_listed(members)}; rename them"
            )
        splits = {}
        for split, pair in used.items():
            images, labels = (
                Named(f"{file.name}: {name}", _member(file, archive, name)) for name in pair
            )
            splits[split] = (images, labels)
    left = sorted(set(members).difference(*used.values()))
    remark = f"{file.name}: {_listed(left)}: not read."
    return Contents(splits, remarks=(remark,) if left else ())


def _emnist(file: _File) -> Contents:
    dataset = mat.read(file.stream.read(), file.name, "dataset", file.most)
    if not isinstance(dataset, dict):
        raise ValueError("a variable `dataset` that is no structure")
    splits = {}
    for split in ("train", "test"):
        images, labels = (
            Named(f"{file.name}: {split}.{name}", _numbers(dataset, split, name))
            for name in ("images", "labels")
        )
        splits[split] = (images, labels)
    rows = _numbers(dataset, "mapping").astype(np.int64).tolist()
    return Contents(splits, alphabets.of_mapping(rows))


def _numbers(dataset: dict[str, mat.Value], *names: str) -> np.ndarray:
    value: mat.Value = dataset
    for name in names:
        value = value[name] if isinstance(value, dict) and name in value else {}
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype == object:
        raise ValueError(f"no matrix dataset.{'.'.join(names)}")
    return value


def _table(file: _File, *, labelled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels `[n]` and pixels `[n, columns]` of a .csv file, with a header or not.

    Args:
        file: the file.
        labelled: whether a column has the labels: the first one, or the last if the header says so.
    """
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        raise ValueError("no lines")
    fields = [field.strip().lower() for field in first.split(",")]
    # The second of several columns is a pixel wherever the label is.
    header = not _is_number(fields[:2][-1])
    last = header and fields[-1] in _LABEL_COLUMNS and fields[0] not in _LABEL_COLUMNS
    pixels = len(fields) - labelled
    if labelled and (pixels < 1 or math.isqrt(pixels) ** 2 != pixels):
        without = math.isqrt(len(fields)) ** 2 == len(fields)
        found = f"{len(fields)} columns, {'which are pixels without labels' if without else 'no square'}"
        raise UserError(
            f"{file.name}: expected the label and then a column for each pixel of a square, as 785, found "
            f"{found}; name a file with labels, such as Kaggle's train.csv"
        )
    labels: list[str] = []
    parts: list[np.ndarray] = []
    left = lines if header else itertools.chain([first], lines)
    while batch := list(itertools.islice(left, _AT_ONCE)):
        if labelled:
            cut = [
                line.rpartition(",")[::-2] if last else line.partition(",")[::2] for line in batch
            ]
            labels += [label.strip() for label, _ in cut]
            batch = [rest for _, rest in cut]
        numbers = np.loadtxt(batch, np.float32, delimiter=",", comments=None, ndmin=2)
        if numbers.shape != (len(batch), pixels):
            raise ValueError(f"rows that are not all of {pixels} pixels")
        with np.errstate(invalid="ignore"):
            small = numbers.astype(np.uint8)
        parts.append(small if (small == numbers).all() else numbers)
    if not parts:
        raise ValueError("a header and no lines")
    names = np.array(labels)
    with contextlib.suppress(ValueError):
        names = names.astype(np.float64)
    return names, np.concatenate(parts)


def _lines(file: _File) -> Iterator[str]:
    read = 0
    while line := file.stream.readline(_LONGEST_LINE):
        read += len(line)
        if read > file.most or len(line) == _LONGEST_LINE:
            raise ValueError(f"lines of more than {read:,} bytes")
        if text := line.decode("utf-8-sig" if read == len(line) else "utf-8").strip():
            yield text.replace('"', "")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

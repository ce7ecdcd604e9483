"""Loads the description and the splits of a dataset into memory, each split once."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from jaxletters.config import user_modules
from jaxletters.config.slots import FITS, DatasetInfo, Source, SplitDigest
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import checks, digests, mapped, naming
from jaxletters.data.checks import Examples

T = TypeVar("T")
_SPLITS = tuple(naming.SPLITS)


class Subset(NamedTuple):
    """Some examples of a split."""

    split: str  # its name
    indices: np.ndarray  # int64 [n], rising


class DatasetSplits:
    """The splits of a dataset `source`, each loaded when it is first used."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.info = info(source)
        self._raw: dict[str, Dataset] = {}
        self._resized: dict[str, Dataset] = {}
        self._hashes: dict[str, np.ndarray] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the splits."""
        return self.info.splits

    def raw(self, split: str) -> Dataset:
        """Returns a split in the order of its source, with the source's images.

        The arrays are read-only: they may be a file's own pages.

        Raises:
            UserError: the split does not exist, or its files are missing or invalid.
        """
        if split not in self.names:
            raise UserError(
                f"dataset {self.source.name}: expected one of its splits ({', '.join(self.names)}), "
                f"found {split!r}; to test on it, use cross-validation or another dataset"
            )
        if split not in self._raw:
            images, labels = _read(self.source, split, self.info)
            self._raw[split] = Dataset(images, labels, self.info.class_names)
        return self._raw[split]

    def digest(self, split: str) -> SplitDigest:
        """Returns the digest of a split's content, which is independent of its files."""
        return digests.of_split(self.raw(split))

    def take(self, subset: Subset) -> Dataset:
        """Returns the examples of a subset, with images of the network's size."""
        split = subset.split
        if split not in self._resized:
            raw = self.raw(split)
            images = self.source.resized_split(split, raw.images)
            self._resized[split] = raw._replace(images=images)
        resized = self._resized[split]
        if len(subset.indices) == len(resized.labels):
            return resized
        return take(resized, subset.indices)

    def whole(self, split: str) -> Subset:
        """Returns all examples of a split."""
        return Subset(split, np.arange(len(self.raw(split).labels)))

    def hashes(self, subset: Subset) -> np.ndarray:
        """Returns the hash of every image of a subset before it is resized: uint64 `[n]`."""
        if subset.split not in self._hashes:
            self._hashes[subset.split] = digests.of_images(self.raw(subset.split).images)
        return self._hashes[subset.split][subset.indices]

    def check(self, names: Iterable[str]) -> list[str]:
        """Returns warnings about some splits that users should see before training, one line each.

        Args:
            names: of the splits; the first is the training split. No other split is loaded.

        Raises:
            UserError: no network can learn from these splits.
        """
        examples = {
            name: Examples(*self.raw(name)[:2], self.hashes(self.whole(name))) for name in names
        }
        if problems := checks.problems(self.info.class_names, examples):
            raise UserError("\n".join(f"config.dataset: {line}" for line in problems))
        first = next(iter(examples))
        as_train = {"train" if name == first else name: split for name, split in examples.items()}
        warnings = checks.warnings(self.info.class_names, as_train, vars(self.source))
        # Ask the source again: loading its splits may have added remarks.
        remarks = _call(self.source, self.source.info).remarks
        return [*remarks, *(re.sub("^train:", f"{first}:", line) for line in warnings)]


def load(source: Source, split: str) -> Dataset:
    """Returns a split in the order of its source, with images of the network's size.

    The arrays are read-only: they may be a file's own pages.

    Raises:
        UserError: the split does not exist, or its files are missing or invalid.
    """
    splits = DatasetSplits(source)
    return splits.take(splits.whole(split))


def take(dataset: Dataset, indices: np.ndarray) -> Dataset:
    """Returns the examples at `indices`, in their order; images of a mapped file stay there."""
    images = mapped.take(dataset.images, indices)
    return dataset._replace(images=images, labels=dataset.labels[indices])


def info(source: Source) -> DatasetInfo:
    """Returns the description of a dataset, after validation.

    Raises:
        UserError: the dataset does not exist, or a user's source fails or returns an invalid description.
    """
    described = _call(source, lambda: _with_declared_types(source.info()))
    where = f"config.dataset: {type(source).__name__}.info"
    if not isinstance(described, DatasetInfo):
        raise UserError(
            f"{where}: expected a DatasetInfo, found {type(described).__name__}; correct its code"
        )
    if problems := _info_problems(described):
        raise UserError(f"{where}: expected {'; '.join(problems)}; correct its code")
    return described


def _info_problems(info: DatasetInfo) -> list[str]:
    problems: list[str] = []
    splits, names, shape = info.splits, info.class_names, info.image_shape
    if not {"train"} <= {*splits} <= {*_SPLITS} or len({*splits}) < len(splits):
        problems.append(f"splits of {', '.join(_SPLITS)}, the first among them, found {splits}")
    if not names or len({*names}) < len(names) or not all(n.isprintable() and n for n in names):
        few = f"{names[:5]}" if len(names) < 6 else f"{names[:5]} ..."
        problems.append(f"class_names that differ and can be printed, found {few}")
    if len(shape) not in (2, 3) or min(shape) < 1 or shape[2:] not in ((), (3,)):
        problems.append(f"an image_shape (height, width) or (height, width, 3), found {shape}")
    if info.fit not in FITS:
        problems.append(f"one of {FITS} as fit, found {info.fit!r}")
    return problems


def _with_declared_types(info: object) -> object:
    """Returns the description from a source with the declared types; raises if a conversion fails."""
    if not isinstance(info, DatasetInfo):
        return info
    texts = (info.splits, info.class_names, info.remarks)
    if any(isinstance(text, str) for text in texts):
        raise TypeError("splits, class_names and remarks are tuples of text, not one text")
    splits, names, remarks = (tuple(map(str, text)) for text in texts)
    shape = tuple(map(operator.index, info.image_shape))
    return DatasetInfo(splits, names, shape, info.fit, bool(info.inverted), remarks)


def _read(source: Source, split: str, info: DatasetInfo) -> tuple[np.ndarray, np.ndarray]:
    """Returns images and int32 labels of a split; validates those of a user's source."""
    arrays = cast(Any, _call(source, lambda: source.read(split)))
    if source.defined_by is not None:
        where = f"config.dataset: {type(source).__name__}.read({split!r})"
        kind = cast(type[object], type(arrays))
        if not issubclass(kind, tuple) or len(arrays) != 2:
            raise UserError(
                f"{where}: expected images and labels, found {kind.__name__}; correct its code"
            )
        first, second = arrays
        arrays = _call(source, lambda: (np.asarray(first), np.asarray(second)))
        _check_arrays(where, *arrays, info)
    images, labels = arrays
    return images, np.asarray(labels, np.int32)


def _check_arrays(where: str, images: np.ndarray, labels: np.ndarray, info: DatasetInfo) -> None:
    """Raises a UserError unless the arrays of a user's source agree with its description."""
    if images.dtype != np.uint8:
        found = f"{images.dtype} images"
    elif images.shape[1:] != info.image_shape or not len(images):
        found = f"images {list(images.shape)}"
    elif labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} labels {list(labels.shape)}"
    elif labels.min() < 0 or labels.max() >= len(info.class_names):
        found = f"labels {labels.min()} to {labels.max()}"
    else:
        return
    raise UserError(
        f"{where}: expected uint8 images {['n', *info.image_shape]} and as many labels, 0 to "
        f"{len(info.class_names) - 1}, found {found}; correct its code"
    )


def _call(source: Source, method: Callable[[], T]) -> T:
    """Calls a method of a source; an exception of a user's own source becomes a UserError."""
    if source.defined_by is None:
        return method()
    try:
        with source.import_context():
            return method()
    except UserError:
        raise
    # A user's code can raise any type.
    except (Exception, SystemExit) as error:
        raise UserError(
            f"config.dataset: {type(source).__name__} fails: {user_modules.describe_error(error)}"
        ) from error

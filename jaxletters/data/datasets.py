"""A dataset's splits as arrays in memory."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxletters.config import user_modules
from jaxletters.config.slots import FITS, DatasetInfo, Source, SplitDigest
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import checks, digests
from jaxletters.data.checks import Examples

T = TypeVar("T")
_SPLITS = ("train", "validation", "test")


class Part(NamedTuple):
    """Some examples of a split.

    Attributes:
        split: its name.
        indices: int64 `[n]`, rising.
    """

    split: str
    indices: np.ndarray


class Splits:
    """The splits of a dataset, each read once, when it is first asked for.

    Attributes:
        source: the dataset.
        info: its description.
    """

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
        """Returns a split in the order of its source, its images as the source has them.

        The arrays are read-only: they may be a file's own pages.

        Raises:
            UserError: the files cannot be had, or are not what they should be.
        """
        if split not in self.names:
            raise UserError(
                f"dataset {self.source.name}: expected one of its splits ({', '.join(self.names)}), "
                f"found {split!r}; to test on it, use cross-validation or another dataset"
            )
        if split not in self._raw:
            self._raw[split] = Dataset(*_read(self.source, split, self.info), self.info.class_names)
        return self._raw[split]

    def digest(self, split: str) -> SplitDigest:
        """Returns what identifies a split, wherever its files lie."""
        return digests.of_split(self.raw(split))

    def take(self, part: Part) -> Dataset:
        """Returns the examples of a part, as a network sees them."""
        whole = self._resize(part.split)
        if len(part.indices) == len(whole.labels):
            return whole
        return whole._replace(images=whole.images[part.indices], labels=whole.labels[part.indices])

    def _resize(self, split: str) -> Dataset:
        if split not in self._resized:
            raw = self.raw(split)
            self._resized[split] = raw._replace(images=self.source.resized(raw.images))
        return self._resized[split]

    def whole(self, split: str) -> Part:
        """Returns all examples of a split."""
        return Part(split, np.arange(len(self.raw(split).labels)))

    def hashes(self, part: Part) -> np.ndarray:
        """Returns what identifies each image of a part, before it is resized: uint64 `[n]`."""
        if part.split not in self._hashes:
            self._hashes[part.split] = digests.of_images(self.raw(part.split).images)
        return self._hashes[part.split][part.indices]

    def findings(self, names: Iterable[str]) -> list[str]:
        """Returns what a user should know of some splits before they are used, a line each.

        Args:
            names: of the splits, the one that is learned from or read first; no other is read.

        Raises:
            UserError: nothing can be learned from them.
        """
        examples = {
            name: Examples(*self.raw(name)[:2], self.hashes(self.whole(name))) for name in names
        }
        if problems := checks.problems(self.info.class_names, examples):
            raise UserError("\n".join(f"config.dataset: {line}" for line in problems))
        first = next(iter(examples))
        as_train = {"train" if name == first else name: each for name, each in examples.items()}
        found = checks.warnings(self.info.class_names, as_train, vars(self.source))
        # Read again, because reading may have told more.
        remarks = _call(self.source, self.source.info).remarks
        return [*remarks, *(re.sub("^train:", f"{first}:", line) for line in found)]


def load(source: Source, split: str) -> Dataset:
    """Returns one split of a dataset as a network sees it, in the order of its source.

    The arrays are read-only: they may be a file's own pages.

    Raises:
        UserError: the files cannot be had, or are not what they should be.
    """
    splits = Splits(source)
    return splits.take(splits.whole(split))


def info(source: Source) -> DatasetInfo:
    """Returns the description of a dataset, once its parts agree with each other.

    Raises:
        UserError: there is no such dataset, or a user's own source fails.
    """
    found = _call(source, lambda: _normal(source.info()))
    where = f"config.dataset: {type(source).__name__}.info"
    if not isinstance(found, DatasetInfo):
        raise UserError(
            f"{where}: expected a DatasetInfo, found {type(found).__name__}; correct its code"
        )
    problems = []
    splits, names = found.splits, found.class_names
    if not {"train"} <= {*splits} <= {*_SPLITS} or len({*splits}) < len(splits):
        problems.append(f"splits of {', '.join(_SPLITS)}, the first among them, found {splits}")
    if not names or len({*names}) < len(names) or not all(n.isprintable() and n for n in names):
        few = f"{names[:5]}" if len(names) < 6 else f"{names[:5]} ..."
        problems.append(f"class_names that differ and can be printed, found {few}")
    if not _is_shape(found.image_shape):
        problems.append(
            f"an image_shape (height, width) or (height, width, 3), found {found.image_shape}"
        )
    if found.fit not in FITS:
        problems.append(f"one of {FITS} as fit, found {found.fit!r}")
    if problems:
        raise UserError(f"{where}: expected {'; '.join(problems)}; correct its code")
    return found


def _normal(found: Any) -> Any:
    """Returns what a user's own source gave, with the declared types; raises whatever cannot have them."""
    if not isinstance(found, DatasetInfo):
        return found
    texts = (found.splits, found.class_names, found.remarks)
    if any(isinstance(each, str) for each in texts):
        raise TypeError("splits, class_names and remarks are tuples of text, not one text")
    splits, names, remarks = (tuple(map(str, each)) for each in texts)
    shape = tuple(map(operator.index, found.image_shape))
    return DatasetInfo(splits, names, shape, found.fit, bool(found.inverted), remarks)


def _is_shape(shape: Any) -> bool:
    sizes = isinstance(shape, tuple) and all(isinstance(n, int) and n > 0 for n in shape)
    return sizes and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))


def _read(source: Source, split: str, about: DatasetInfo) -> tuple[np.ndarray, np.ndarray]:
    found: Any = _call(source, lambda: source.read(split))
    if source.defined_by is not None:
        where = f"config.dataset: {type(source).__name__}.read({split!r})"
        if not isinstance(found, tuple) or len(found) != 2:
            raise UserError(
                f"{where}: expected images and labels, found {type(found).__name__}; correct its code"
            )
        given = found
        found = _call(source, lambda: (np.asarray(given[0]), np.asarray(given[1])))
        _check(where, found[0], found[1], about)
    images, labels = found
    return images, np.asarray(labels, np.int32)


def _check(where: str, images: np.ndarray, labels: np.ndarray, about: DatasetInfo) -> None:
    """Raises a UserError unless a user's own source gave what its info says."""
    if images.dtype != np.uint8:
        found = f"{images.dtype} images"
    elif images.shape[1:] != about.image_shape or not len(images):
        found = f"images {list(images.shape)}"
    elif labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} labels {list(labels.shape)}"
    elif labels.min() < 0 or labels.max() >= len(about.class_names):
        found = f"labels {labels.min()} to {labels.max()}"
    else:
        return
    raise UserError(
        f"{where}: expected uint8 images {['n', *about.image_shape]} and as many labels, 0 to "
        f"{len(about.class_names) - 1}, found {found}; correct its code"
    )


def _call(source: Source, action: Callable[[], T]) -> T:
    """Runs a method of a source; what a user's own raises becomes one line."""
    if source.defined_by is None:
        return action()
    try:
        with source.import_context():
            return action()
    except UserError:
        raise
    # The type differs with what the source does.
    except (Exception, SystemExit) as error:
        raise UserError(
            f"config.dataset: {type(source).__name__} fails: {user_modules.describe_error(error)}"
        ) from error

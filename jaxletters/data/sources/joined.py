"""Several datasets as one, with one table of classes and characters on one canvas."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import Joined
from jaxletters.core.errors import UserError, format_size
from jaxletters.data import canvas, resize
from jaxletters.data.datasets import DatasetSplits
from jaxletters.data.formats import alphabets
from jaxletters.data.sources import provenance

_KEY = "config.dataset"


class _Member(NamedTuple):
    """A source of the joined dataset: the setting that holds it, and its splits."""

    key: str
    splits: DatasetSplits

    @property
    def name(self) -> str:
        return self.splits.source.name

    @property
    def info(self) -> DatasetInfo:
        return self.splits.info


def info(source: Joined) -> DatasetInfo:
    """Returns the description of the joined dataset.

    Its classes are those of the sources in their order, each name once; the class of unused labels is the
    first.

    Raises:
        UserError: a source does not exist, or the sources cannot be joined.
    """
    members = list(_members(source))
    first = members[0].info
    _check_equal(members, "splits", [", ".join(sorted(member.info.splits)) for member in members])
    _check_equal(members, "images", [format_size(member.info.image_shape) for member in members])
    inks = ["dark" if member.info.inverted else "bright" for member in members]
    _check_equal(members, "ink", inks)
    fit = _fit(members)
    names = dict.fromkeys(name for member in members for name in member.info.class_names)
    unused = [name for name in names if name == alphabets.UNUSED]
    remarks = [remark for member in members for remark in member.info.remarks]
    remarks += [
        f"the characters of {member.name} are brought to the size and place of EMNIST's"
        for member in members
        if _is_moved(member, fit)
    ]
    return DatasetInfo(
        splits=first.splits,
        class_names=(*unused, *(name for name in names if name != alphabets.UNUSED)),
        image_shape=first.image_shape,
        fit=fit,
        inverted=first.inverted,
        remarks=tuple(dict.fromkeys(remarks)),
    )


def read(source: Joined, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns the examples of a split: those of the first source, then those of the next.

    The images are those of the sources before they are brought to one canvas, so that their hashes show which
    of them another run has seen.

    Raises:
        UserError: files are missing or malformed.
    """
    label_of = {name: label for label, name in enumerate(info(source).class_names)}
    images: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    for member in _members(source):
        with _renamed_key(member.key):
            examples = member.splits.take(member.splits.whole(split))
        table = np.array([label_of[name] for name in examples.class_names])
        images.append(examples.images)
        labels.append(table[examples.labels])
    return np.concatenate(images), np.concatenate(labels)


def on_one_canvas(source: Joined, split: str, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the images of a split, as `read` returns them, with all characters on one canvas."""
    fit = info(source).fit
    members = list(_members(source))
    if not any(_is_moved(member, fit) for member in members):
        return images
    result = images.copy()
    start = 0
    for member in members:
        stop = start + len(member.splits.raw(split).labels)
        if _is_moved(member, fit):
            result[start:stop] = canvas.as_emnist(images[start:stop])
        start = stop
    return result


def note(source: Joined, splits: Sequence[str]) -> str:
    """Returns the notes of the sources, such as "emnist_letters: rebuilt split".

    Args:
        source: the joined dataset.
        splits: those that the result depends on.
    """
    notes: list[str] = []
    for member in _members(source):
        digests = {split: member.splits.digest(split) for split in splits}
        if text := member.splits.source.note(digests) or provenance.by_content(digests):
            notes.append(f"{member.name}: {text}")
    return ", ".join(notes)


def _members(source: Joined) -> Iterator[_Member]:
    for i, part in enumerate(source.sources):
        key = f"{_KEY}.sources.{i}"
        with _renamed_key(key):
            splits = DatasetSplits(part)
        yield _Member(key, splits)


@contextlib.contextmanager
def _renamed_key(key: str) -> Generator[None]:
    """A context in which errors about "config.dataset" name the setting of a source instead."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(_KEY, key)) from error


def _check_equal(members: Sequence[_Member], what: str, values: Sequence[str]) -> None:
    """Raises a UserError unless the sources have the same value of what a message calls `what`."""
    different = next((i for i, value in enumerate(values) if value != values[0]), None)
    if different is None:
        return
    first, other = members[0], members[different]
    raise UserError(
        f"{other.key}: expected the {what} of {first.name} ({values[0]}), found {values[different]} in "
        f"{other.name}; bring both to one form, or leave one out"
    )


def _fit(members: Sequence[_Member]) -> str:
    """Returns how a picture becomes an image of the joined dataset: one of `slots.FITS`.

    Raises:
        UserError: the images of the sources were made in ways that differ, and show no characters.
    """
    fits = [member.info.fit for member in members]
    canvases = {_canvas(fit) for fit in fits}
    if canvases <= resize.CHARACTERS.keys() and len({*fits}) > 1:
        return "emnist" if len(canvases) > 1 else canvases.pop()
    _check_equal(members, "way to fit pictures", fits)
    return fits[0]


def _is_moved(member: _Member, fit: str) -> bool:
    """Returns whether the characters of a source are brought to the canvas of the joined dataset."""
    return _canvas(member.info.fit) != _canvas(fit)


def _canvas(fit: str) -> str:
    return fit.removeprefix("single_")

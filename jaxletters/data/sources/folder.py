"""A folder of pictures for each class, as arrays.

Classes, folders and files are in natural order: by code points, whatever the system and its language, but
numbers in names by their value. The examples of a split are class after class, unless the names of all its
files end in numbers and no two in the same: then they are in the order of these, so that arrays which were
saved picture by picture, 0.png, 1.png ..., each in the folder of its class, come back as they were.
"""

import contextlib
import os
import re
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError, printable
from jaxletters.data import images, orientation, resize
from jaxletters.runtime import files

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
# What systems and archives leave behind, beside what is hidden.
_JUNK = ("__macosx", "@eadir", "$recycle.bin", "lost+found")
# What was left out, and what the user is told of it.
_SKIPPED = {
    "other": "What is no picture was skipped",
    "picture": "Pictures outside of the folders of classes were skipped",
    "folder": "Folders without pictures, beside those of splits, or read already, were skipped",
}
# How many pictures are looked at to tell ink from paper, and which share must agree.
_LOOKED_AT, _AGREE = 64, 0.8
# How many threads decode pictures if their files are so large; smaller ones are slower in threads.
_THREADS, _LARGE = 8, 2**14
# How many times finer than an image a photograph is decoded at least; what is cut to its ink, finer still.
_FINER = (8, 32)

Skipped = dict[str, list[str]]


class _Listing(NamedTuple):
    """What is in a folder.

    Attributes:
        root: the folder.
        classes: their names.
        splits: the pictures of each: (label, path), in the order of the examples.
        skipped: the paths that were left out, by their `_kind`.
    """

    root: str
    classes: tuple[str, ...]
    splits: dict[str, list[tuple[int, str]]]
    skipped: Skipped


class _Seen(NamedTuple):
    """What was found out about pictures.

    Attributes:
        total: how many were decoded, or could not be.
        damaged: the paths of those that could not.
        resized: how many had another size.
        coloured: how many were in colour.
    """

    total: int
    damaged: tuple[str, ...]
    resized: int
    coloured: int


class _Look(NamedTuple):
    """What was concluded from some of the pictures.

    Attributes:
        paper: the colour of what is transparent, as Pillow calls it.
        inverted: whether grey pictures are to be inverted.
        remarks: what was assumed, a sentence each.
        seen: what these pictures are like.
    """

    paper: str
    inverted: bool
    remarks: tuple[str, ...]
    seen: _Seen


# What reading a split showed; later remarks have it instead of what was seen of some pictures.
_read: dict[tuple[ImageFolder, str], _Seen] = {}


def info(config: ImageFolder) -> DatasetInfo:
    """Returns what a folder holds.

    Only some pictures are decoded, and the remarks count these; once splits are read, all of these.

    Raises:
        UserError: it is not a folder of pictures for each class.
    """
    found = _listed(config)
    look = _look(config, found)
    skipped = [
        f"{sentence}: {_some(found.root, paths)}."
        for kind, sentence in _SKIPPED.items()
        if (paths := found.skipped[kind])
    ]
    read = [_read[config, split] for split in found.splits if (config, split) in _read]
    told = _told(config, found.root, read or [look.seen])
    shape = _shape(config)
    remarks = (*skipped, *look.remarks, *told)
    splits = tuple(found.splits)
    fit = resize.single(config.fit)
    return DatasetInfo(splits, found.classes, shape, fit, look.inverted, remarks)


def read(config: ImageFolder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split's images, uint8 `[n, h, w]` or `[n, h, w, 3]`, and its int32 labels `[n]`.

    Pictures that cannot be decoded are left out.

    Raises:
        UserError: it is not a folder of pictures for each class, or has no such split.
    """
    found = _listed(config)
    if split not in found.splits:
        raise UserError(
            f"{printable(found.root)}: expected a split {split!r}, found {', '.join(found.splits)}; add a "
            f"folder {split} with a folder for each class"
        )
    look = _look(config, found)
    examples = found.splits[split]
    pixels = np.zeros((len(examples), *_shape(config)), np.uint8)
    resized, coloured, damaged = np.zeros((3, len(examples)), bool)

    def fill(i: int) -> None:
        layers = _layers(config, examples[i][1])
        if layers is None:
            damaged[i] = True
        else:
            pixels[i], resized[i], coloured[i] = _image(config, layers, look)

    _each(fill, range(len(examples)), [path for _, path in examples])
    kept = np.flatnonzero(~damaged)
    if not len(kept):
        raise _none_readable(found.root, len(examples))
    if damaged.any():
        # In place, because there may be no room for both.
        for new, old in enumerate(kept):
            pixels[new] = pixels[old]
    paths = tuple(examples[i][1] for i in np.flatnonzero(damaged))
    _read[config, split] = _Seen(len(examples), paths, int(resized.sum()), int(coloured.sum()))
    return pixels[: len(kept)], np.array([examples[i][0] for i in kept], np.int32)


def _shape(config: ImageFolder) -> tuple[int, ...]:
    return config.size if config.channels == 1 else (*config.size, config.channels)


def _layers(config: ImageFolder, path: str) -> np.ndarray | None:
    """Returns the picture in a file as `images.layers` does, None if there is none, or it is damaged.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(images.MOST_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"{printable(path)}: expected a file that can be read, found {error.strerror}; check its rights"
        ) from error
    least = max(config.size) * (_FINER[config.fit in resize.CHARACTERS])
    with contextlib.suppress(UserError):
        return images.layers(data, path, least)
    return None


def _image(config: ImageFolder, layers: np.ndarray, look: _Look) -> tuple[np.ndarray, bool, bool]:
    """Returns a picture as an image, whether it had another size, and whether it was in colour."""
    picture = images.on_paper(layers, look.paper)
    coloured = picture.ndim > 2 and bool((picture != picture[..., :1]).any())
    picture = resize.grey(picture) if config.channels == 1 else picture
    picture = ~picture if look.inverted else picture
    picture = orientation.upright(picture[None], config.orientation)[0]
    resized = picture.shape[:2] != config.size
    return resize.fit(picture, config.size, config.channels, config.fit), resized, coloured


def _each(function: Callable[[Any], Any], items: Sequence[Any], paths: list[str]) -> list[Any]:
    """Returns the function, which decodes the pictures with these paths, of each item."""
    large = max(map(os.path.getsize, _spread(paths))) >= _LARGE
    threads = min(os.cpu_count() or 1, _THREADS) if large else 1
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor(threads) as pool:
        return list((pool.map if large else map)(function, items))


def _spread(paths: list[str]) -> list[str]:
    """Returns some of all, always the same, at equal distances."""
    return paths[:: -(-len(paths) // _LOOKED_AT)]


def _look(config: ImageFolder, found: _Listing) -> _Look:
    """Looks at some of the training pictures."""
    some = _spread([path for _, path in found.splits["train"]])
    as_it_is = _Look("white", False, (), _Seen(0, (), 0, 0))

    def glance(path: str) -> list[int]:
        """Light on transparent, dark on white, on black: 1, -1, or 0 for neither; resized; in colour."""
        layers = _layers(config, path)
        if layers is None:
            return []
        white, black = (resize.grey(images.on_paper(layers, paper)) for paper in ("white", "black"))
        # Both differ by 255 where nothing is.
        opacity = 255 - np.mean(white - black, dtype=np.float64)
        light = np.sign(2 * black.mean() - opacity) if layers.shape[2:] == (4,) else 0
        dark = resize.darkness(white), resize.darkness(black)
        return [int(light), *dark, *_image(config, layers, as_it_is)[1:]]

    glances = _each(glance, some, some)
    damaged = tuple(path for path, seen in zip(some, glances, strict=True) if not seen)
    if len(damaged) == len(found.splits["train"]):
        raise _none_readable(found.root, len(damaged))
    seen = np.array([each for each in glances if each], int).reshape(-1, 5)
    paper = "black" if seen[:, 0].sum() > 0 else "white"
    votes = seen[:, 2 if paper == "black" else 1]
    dark, clear = int((votes > 0).sum()), int((votes != 0).sum())
    inverted = config.ink == "dark" or (config.ink == "auto" and dark >= max(_AGREE * clear, 1))
    remarks = [f"What is transparent in pictures was made {paper}."] if seen[:, 0].any() else []
    if config.channels == 1 and config.ink == "auto" and dark > (1 - _AGREE) * clear:
        done, other = ("were inverted", "bright") if inverted else ("were left as they are", "dark")
        remarks.append(
            f"In {dark} of {clear} pictures looked at, strokes are darker than the border, so pictures "
            f"{done}; if this guess is wrong, set config.dataset.ink={other}."
        )
    looked = _Seen(len(some), damaged, int(seen[:, 3].sum()), int(seen[:, 4].sum()))
    return _Look(paper, inverted and config.channels == 1, tuple(remarks), looked)


def _told(config: ImageFolder, root: str, seen: list[_Seen]) -> Iterator[str]:
    """Yields what was found out about pictures, a sentence each."""
    of = f"of {sum(each.total for each in seen):,} pictures looked at"
    if damaged := [path for each in seen for path in each.damaged]:
        yield f"{len(damaged):,} {of} cannot be read and were left out: {_some(root, damaged)}."
    if resized := sum(each.resized for each in seen):
        size = "x".join(map(str, config.size))
        yield (
            f"{resized:,} {of} have another size and were brought to {size} "
            f"(config.dataset.fit={config.fit})."
        )
    if config.channels == 1 and (coloured := sum(each.coloured for each in seen)):
        yield f"{coloured:,} {of} are in colour and were made grey."


def _some(root: str, paths: list[str]) -> str:
    few = ", ".join(printable(os.path.relpath(path, root)) for path in paths[:3])
    return few if len(paths) <= 3 else f"{few} ... ({len(paths):,} in all)"


def _none_readable(root: str, count: int) -> UserError:
    return UserError(
        f"{printable(root)}: expected pictures, found {count:,} files that are damaged or none; save them "
        "again"
    )


def _listed(config: ImageFolder) -> _Listing:
    """Returns what is in the folder of a config.

    Raises:
        UserError: it is not a folder of pictures for each class.
    """
    root = str(files.expand_user(config.path))
    skipped: Skipped = defaultdict(list)
    above = {os.path.realpath(root)}
    pictures: dict[str, dict[str, list[str]]] = {}
    for split, folder in _split_folders(root, skipped).items():
        classes = _classes(folder, above, skipped)
        if split == "train" and len(classes) < 2:
            raise _too_few_classes(folder, classes, skipped)
        if strange := [name for name in classes if name not in pictures.get("train", classes)]:
            names = ", ".join(map(printable, strange))
            raise UserError(
                f"{printable(folder)}: expected only classes that train has, found also {names}; move them "
                "away, or add training pictures of them"
            )
        if classes:
            pictures[split] = classes
    names = tuple(pictures["train"])
    splits = {
        split: [(i, path) for i, name in enumerate(names) for path in classes.get(name, ())]
        for split, classes in pictures.items()
    }
    splits = {split: _ordered(examples) for split, examples in splits.items()}
    return _Listing(root, names, splits, skipped)


def _too_few_classes(folder: str, classes: dict[str, list[str]], skipped: Skipped) -> UserError:
    left_out = [path for paths in skipped.values() for path in paths]
    if classes:
        found = ", ".join(repr(printable(name)) for name in classes)
        found += " alone; add the others, or name that if it holds them"
    elif loose := skipped["picture"]:
        found = f"{len(loose):,} pictures in none; move those of a class into a folder called as it"
    else:
        found = f"only {_some(folder, left_out)}" if left_out else "nothing"
        found += f"; check config.dataset.path, and save pictures as {', '.join(images.SUFFIXES)}"
    return UserError(
        f"{printable(folder)}: expected a folder of pictures for each of two or more classes, found {found}"
    )


def _split_folders(root: str, skipped: Skipped) -> dict[str, str]:
    """Returns the folders of "train" and other splits: the root itself if it has folders of classes.

    Raises:
        UserError: there are several folders for a split, or none for "train".
    """
    entries = _entries(root)
    folders = [entry.path for entry in entries if _kind(entry) == "folder"]
    found = {
        split: [path for path in folders if os.path.basename(path).casefold() in names]
        for split, names in _SPLITS.items()
    }
    named = [path for paths in found.values() for path in paths]
    # A class may be called "train" as well; it has pictures rather than folders.
    nested = any(_kind(inner) == "folder" for path in found["train"] for inner in _entries(path))
    if not named or not (nested or len(named) == len(folders)):
        return {"train": root}
    if not found["train"] or max(map(len, found.values())) > 1:
        raise UserError(
            f"{printable(root)}: expected one folder train, and at most one each for validation and test, "
            f"found {', '.join(printable(os.path.basename(path)) for path in named)}; rename or join them"
        )
    for entry in entries:
        if entry.path not in named:
            _skip(entry, skipped)
    return {split: paths[0] for split, paths in found.items() if paths}


def _classes(folder: str, above: set[str], skipped: Skipped) -> dict[str, list[str]]:
    """Returns the pictures of each class, in natural order of both."""
    classes: dict[str, list[str]] = defaultdict(list)
    for entry in _entries(folder):
        visited = above | {os.path.realpath(folder)}
        if _kind(entry) == "folder" and (pictures := list(_pictures(entry.path, visited, skipped))):
            classes[_text(entry.name)] += pictures
        else:
            _skip(entry, skipped)
    return dict(classes)


def _pictures(folder: str, visited: set[str], skipped: Skipped) -> Iterator[str]:
    """Yields the pictures in a folder and below, but of no folder twice, as links may form a circle."""
    real = os.path.realpath(folder)
    if real in visited:
        return
    visited.add(real)
    for entry in _entries(folder):
        kind = _kind(entry)
        if kind == "folder":
            below = list(_pictures(entry.path, visited, skipped))
            yield from below
            if not below:
                _skip(entry, skipped)
        elif kind == "picture":
            yield entry.path
        else:
            _skip(entry, skipped)


def _skip(entry: os.DirEntry[str], skipped: Skipped) -> None:
    skipped[_kind(entry)].append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Returns what is in a folder, in natural order."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: _natural(entry.name))
    except OSError as error:
        raise UserError(
            f"{printable(folder)}: expected a folder with a folder of pictures for each class, found what "
            f"cannot be read ({error.strerror}); check config.dataset.path"
        ) from error


def _kind(entry: os.DirEntry[str]) -> str:
    """Returns "folder", "picture", or "other" for what is neither, or hidden."""
    junk = entry.name.startswith(".") or entry.name.casefold() in _JUNK
    with contextlib.suppress(OSError):  # a link that leads to itself
        if not junk and entry.is_dir():
            return "folder"
        if not junk and entry.name.lower().endswith(images.SUFFIXES) and entry.is_file():
            return "picture"
    return "other"


def _text(name: str) -> str:
    """Returns a file's name, whatever the system's encoding; é is one code point, however it was saved."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="backslashreplace"))


def _natural(name: str) -> tuple[list[str | int], str]:
    """Returns what names are sorted by; texts and numbers take turns."""
    parts = re.split(r"(\d+)", _text(name))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _ordered(examples: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Returns examples by the numbers that their files' names end in, if all do and no two in the same."""
    found = [re.search(r"(\d+)\.[^.]*$", path) for _, path in examples]
    numbers = [int(match[1]) for match in found if match]
    if len(set(numbers)) < len(examples):
        return examples
    return [example for _, example in sorted(zip(numbers, examples, strict=True))]

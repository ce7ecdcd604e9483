"""The pictures in a folder with a subfolder per class, in the order of the examples.

Classes, folders and files are in natural order: by code points, independent of the system and its language,
but with numbers in names by value. The examples of a split are sorted by class, unless all their file names
end in different numbers: then they are sorted by these numbers. So arrays that were saved as 0.png, 1.png
..., each in the folder of its class, keep their order.
"""

import contextlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from jaxletters.core.errors import UserError, printable
from jaxletters.data import images, naming
from jaxletters.runtime import files

# Left behind by systems and archives; hidden files are skipped, too.
_JUNK = ("__macosx", "@eadir", "$recycle.bin", "lost+found")

Skipped = dict[str, list[str]]
"""The paths that are not used, by their kind: "other", "picture" or "folder"."""


class Listing(NamedTuple):
    """The content of a folder."""

    root: str
    class_names: tuple[str, ...]
    splits: dict[str, list[tuple[int, str]]]  # (label, path) of each picture, in order
    skipped: Skipped


def list_pictures(path: str) -> Listing:
    """Returns the content of a folder.

    Raises:
        UserError: the folder has no subfolders of pictures for two or more classes.
    """
    root = str(files.expand_user(path))
    skipped: Skipped = defaultdict(list)
    pictures: dict[str, dict[str, list[str]]] = {}
    for split, folder in _split_folders(root, skipped).items():
        classes = _classes(folder, {os.path.realpath(root), os.path.realpath(folder)}, skipped)
        if split == "train" and len(classes) < 2:
            raise _too_few_classes(folder, classes, skipped)
        if unknown := [name for name in classes if name not in pictures.get("train", classes)]:
            raise UserError(
                f"{printable(folder)}: expected only classes that train has, found also "
                f"{', '.join(map(printable, unknown))}; move them away, or add training pictures of them"
            )
        if classes:
            pictures[split] = classes
    names = tuple(pictures["train"])
    splits = {
        split: _sort_by_number(
            [(i, path) for i, name in enumerate(names) for path in classes.get(name, ())]
        )
        for split, classes in pictures.items()
    }
    return Listing(root, names, splits, skipped)


def first_few(root: str, paths: list[str]) -> str:
    """Returns the first paths, relative to `root`, and how many there are, for a message."""
    few = ", ".join(printable(os.path.relpath(path, root)) for path in paths[:3])
    return few if len(paths) <= 3 else f"{few} ... ({len(paths):,} in all)"


def _too_few_classes(folder: str, classes: dict[str, list[str]], skipped: Skipped) -> UserError:
    if classes:
        found = ", ".join(repr(printable(name)) for name in classes)
        found += " alone; add the others, or name that if it holds them"
    elif loose := skipped["picture"]:
        found = (
            f"{len(loose):,} pictures outside of such folders; move the pictures of each class into a "
            "folder with the name of the class"
        )
    else:
        unused = [path for paths in skipped.values() for path in paths]
        found = f"only {first_few(folder, unused)}" if unused else "nothing"
        found += f"; check config.dataset.path, and save pictures as {', '.join(images.SUFFIXES)}"
    return UserError(
        f"{printable(folder)}: expected a folder of pictures for each of two or more classes, found {found}"
    )


def _split_folders(root: str, skipped: Skipped) -> dict[str, str]:
    """Returns the folder of each split; {"train": root} if `root` has the folders of classes."""
    entries = _entries(root)
    folders = [entry.path for entry in entries if _kind(entry) == "folder"]
    candidates = {
        split: [path for path in folders if os.path.basename(path).casefold() in names]
        for split, names in naming.SPLITS.items()
    }
    named = [path for paths in candidates.values() for path in paths]
    # A class may be named "train", too; its folder has pictures instead of folders.
    nested = any(
        _kind(inner) == "folder" for path in candidates["train"] for inner in _entries(path)
    )
    if not named or not (nested or len(named) == len(folders)):
        return {"train": root}
    if not candidates["train"] or max(map(len, candidates.values())) > 1:
        raise UserError(
            f"{printable(root)}: expected one folder train, and at most one each for validation and test, "
            f"found {', '.join(printable(os.path.basename(path)) for path in named)}; rename or join them"
        )
    for entry in entries:
        if entry.path not in named:
            _skip(entry, skipped)
    return {split: paths[0] for split, paths in candidates.items() if paths}


def _classes(folder: str, visited: set[str], skipped: Skipped) -> dict[str, list[str]]:
    """Returns the pictures of each class, both in natural order."""
    classes: dict[str, list[str]] = defaultdict(list)
    for entry in _entries(folder):
        is_folder = _kind(entry) == "folder"
        if is_folder and (pictures := list(_pictures(entry.path, set(visited), skipped))):
            classes[_class_name(entry.name)] += pictures
        else:
            _skip(entry, skipped)
    return dict(classes)


def _pictures(folder: str, visited: set[str], skipped: Skipped) -> Iterator[str]:
    """Yields the pictures in a folder and below; visits no folder twice, as links may form a circle."""
    real = os.path.realpath(folder)
    if real in visited:
        return
    visited.add(real)
    for entry in _entries(folder):
        kind = _kind(entry)
        if kind == "picture":
            yield entry.path
        elif kind == "folder" and (below := list(_pictures(entry.path, visited, skipped))):
            yield from below
        else:
            _skip(entry, skipped)


def _skip(entry: os.DirEntry[str], skipped: Skipped) -> None:
    skipped[_kind(entry)].append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Returns the entries of a folder in natural order."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda e: (naming.natural_key(_class_name(e.name)), e.name))
    except OSError as error:
        raise UserError(
            f"{printable(folder)}: expected a folder with a folder of pictures for each class, found that it "
            f"cannot be read ({error.strerror}); check config.dataset.path"
        ) from error


def _kind(entry: os.DirEntry[str]) -> str:
    """Returns "folder", "picture", or "other", which includes hidden entries."""
    junk = entry.name.startswith(".") or entry.name.casefold() in _JUNK
    with contextlib.suppress(OSError):  # a link to itself
        if not junk and entry.is_dir():
            return "folder"
        if not junk and entry.name.lower().endswith(images.SUFFIXES) and entry.is_file():
            return "picture"
    return "other"


def _class_name(name: str) -> str:
    """Returns a file's name as text in any encoding of the system, with é as one code point."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="backslashreplace"))


def _sort_by_number(examples: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Returns examples sorted by the numbers that their names end in, if all have different ones."""
    matches = [re.search(r"(\d+)\.[^.]*$", path) for _, path in examples]
    numbers = [int(match[1]) for match in matches if match]
    if len(set(numbers)) < len(examples):
        return examples
    return [example for _, example in sorted(zip(numbers, examples, strict=True))]

"""A folder of pictures for each class, as arrays."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError, printable
from jaxletters.data import images, orientation, resize
from jaxletters.data.sources import folder_listing
from jaxletters.data.sources.folder_listing import Listing

T = TypeVar("T")
R = TypeVar("R")

# The remarks about skipped paths, by their kind.
_SKIPPED = {
    "other": "Entries that are not pictures were skipped",
    "picture": "Pictures outside of the class folders were skipped",
    "folder": "Folders that have no pictures, lie beside the split folders or were already read were skipped",
}
# The size of the sample that tells dark from bright ink, and the share that must agree.
_SAMPLE, _AGREEMENT = 64, 0.8
# Threads decode pictures of so many bytes or more; smaller ones are slower in threads.
_THREADS, _LARGE = 8, 2**14
# A photograph is decoded at this multiple of the image's size or more; a character that will be cropped to
# its ink at the larger one.
_OVERSAMPLING = {False: 8, True: 32}


class _Counts(NamedTuple):
    """Counts of decoded pictures."""

    total: int  # damaged ones included
    damaged: tuple[str, ...]  # the paths of pictures that cannot be decoded
    resized: int  # pictures of another size
    coloured: int  # pictures in colour


class _Survey(NamedTuple):
    """Conclusions from a sample of the training pictures."""

    paper: str  # Pillow's name of the colour for transparent parts
    inverted: bool  # whether grey pictures are inverted
    remarks: tuple[str, ...]  # the assumptions, a sentence each
    counts: _Counts  # of the sample


class _Traits(NamedTuple):
    """What a picture of the sample shows."""

    lightness: int  # `images.lightness`
    dark_on_white: int  # `resize.darkness` with transparent parts as white
    dark_on_black: int  # the same with transparent parts as black
    resized: bool
    coloured: bool


# Of loaded splits: remarks then count all pictures instead of the sample.
_loaded: dict[tuple[ImageFolder, str], _Counts] = {}


def info(config: ImageFolder) -> DatasetInfo:
    """Returns the description of a folder.

    Only a sample is decoded; the remarks count the sample, or all pictures of the splits loaded so far.

    Raises:
        UserError: it is not a folder of pictures for each class.
    """
    listing = folder_listing.list_pictures(config.path)
    survey = _survey(config, listing)
    skipped = [
        f"{sentence}: {folder_listing.first_few(listing.root, paths)}."
        for kind, sentence in _SKIPPED.items()
        if (paths := listing.skipped[kind])
    ]
    loaded = [_loaded[config, split] for split in listing.splits if (config, split) in _loaded]
    counted = _count_remarks(config, listing.root, loaded or [survey.counts])
    return DatasetInfo(
        splits=tuple(listing.splits),
        class_names=listing.class_names,
        image_shape=_image_shape(config),
        fit=resize.single(config.fit),
        inverted=survey.inverted,
        remarks=(*skipped, *survey.remarks, *counted),
    )


def load(config: ImageFolder, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split's images, uint8 `[n, h, w]` or `[n, h, w, 3]`, and its int32 labels `[n]`.

    Pictures that cannot be decoded are left out.

    Raises:
        UserError: it is not a folder of pictures for each class, or lacks the split.
    """
    listing = folder_listing.list_pictures(config.path)
    if split not in listing.splits:
        raise UserError(
            f"{printable(listing.root)}: expected a split {split!r}, found {', '.join(listing.splits)}; add "
            f"a folder {split} with a folder for each class"
        )
    survey = _survey(config, listing)
    labels, paths = zip(*listing.splits[split], strict=True)
    pixels = np.zeros((len(paths), *_image_shape(config)), np.uint8)
    resized, coloured, damaged = np.zeros((3, len(paths)), bool)

    def fill(i: int) -> None:
        layers = _decode(config, paths[i])
        if layers is None:
            damaged[i] = True
        else:
            pixels[i], resized[i], coloured[i] = _to_image(
                config, layers, survey.paper, survey.inverted
            )

    _map_pictures(fill, range(len(paths)), paths)
    kept = np.flatnonzero(~damaged)
    if not len(kept):
        raise _all_damaged(listing.root, paths)
    if damaged.any():
        # In place, because memory may not suffice for both.
        for new, old in enumerate(kept):
            pixels[new] = pixels[old]
    _loaded[config, split] = _Counts(
        total=len(paths),
        damaged=tuple(paths[i] for i in np.flatnonzero(damaged)),
        resized=int(resized.sum()),
        coloured=int(coloured.sum()),
    )
    return pixels[: len(kept)], np.array(labels, np.int32)[kept]


def _image_shape(config: ImageFolder) -> tuple[int, ...]:
    return config.size if config.channels == 1 else (*config.size, config.channels)


def _decode(config: ImageFolder, path: str) -> NDArray[np.uint8] | None:
    """Returns the picture in a file as `images.layers` does, or None if it is damaged or no picture."""
    data = images.read_bytes(path)
    min_size = max(config.size) * _OVERSAMPLING[config.fit in resize.CHARACTERS]
    with contextlib.suppress(UserError):
        return images.layers(data, path, min_size)
    return None


def _to_image(
    config: ImageFolder, layers: NDArray[np.uint8], paper: str = "white", inverted: bool = False
) -> tuple[NDArray[np.uint8], bool, bool]:
    """Returns a picture as an image, whether it had another size, and whether it was in colour."""
    picture = images.on_paper(layers, paper)
    coloured = picture.ndim > 2 and bool((picture != picture[..., :1]).any())
    picture = resize.grey(picture) if config.channels == 1 else picture
    picture = ~picture if inverted else picture
    picture = orientation.upright(picture[None], config.orientation)[0]
    resized = picture.shape[:2] != config.size
    return resize.fit(picture, config.size, config.channels, config.fit), resized, coloured


def _map_pictures(function: Callable[[T], R], items: Sequence[T], paths: Sequence[str]) -> list[R]:
    """Returns `function(item)` of each item; the function decodes the pictures at `paths`."""
    large = max(map(os.path.getsize, _sample(paths))) >= _LARGE
    threads = min(os.cpu_count() or 1, _THREADS)
    with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items) if large else map(function, items))


def _sample(paths: Sequence[str]) -> Sequence[str]:
    """Returns at most `_SAMPLE` paths at equal distances, always the same."""
    return paths[:: -(-len(paths) // _SAMPLE)]


def _survey(config: ImageFolder, listing: Listing) -> _Survey:
    """Returns what a sample of the training pictures tells about all."""
    sample = _sample([path for _, path in listing.splits["train"]])
    results = _map_pictures(lambda path: _traits(config, path), sample, sample)
    traits = [picture for picture in results if picture]
    damaged = tuple(path for path, picture in zip(sample, results, strict=True) if not picture)
    if len(damaged) == len(listing.splits["train"]):
        raise _all_damaged(listing.root, damaged)
    paper = "black" if sum(picture.lightness for picture in traits) > 0 else "white"
    votes = [t.dark_on_black if paper == "black" else t.dark_on_white for t in traits]
    dark, clear = sum(vote > 0 for vote in votes), sum(vote != 0 for vote in votes)
    inverted = config.ink == "dark" or (config.ink == "auto" and dark >= max(_AGREEMENT * clear, 1))
    remarks: list[str] = []
    if any(picture.lightness for picture in traits):
        remarks.append(f"Transparent parts of pictures were made {paper}.")
    if config.channels == 1 and config.ink == "auto" and dark > (1 - _AGREEMENT) * clear:
        done, other = ("were inverted", "bright") if inverted else ("were left as they are", "dark")
        remarks.append(
            f"In {dark} of {clear} pictures looked at, strokes are darker than the border, so pictures "
            f"{done}; if this guess is wrong, set config.dataset.ink={other}."
        )
    resized, coloured = sum(t.resized for t in traits), sum(t.coloured for t in traits)
    counts = _Counts(len(sample), damaged, resized, coloured)
    return _Survey(paper, inverted and config.channels == 1, tuple(remarks), counts)


def _traits(config: ImageFolder, path: str) -> _Traits | None:
    """Returns the properties of a picture, or None if it is damaged."""
    layers = _decode(config, path)
    if layers is None:
        return None
    white, black = (resize.grey(images.on_paper(layers, paper)) for paper in ("white", "black"))
    _, resized, coloured = _to_image(config, layers)
    return _Traits(
        images.lightness(layers), resize.darkness(white), resize.darkness(black), resized, coloured
    )


def _count_remarks(config: ImageFolder, root: str, splits: Sequence[_Counts]) -> Iterator[str]:
    """Yields how many pictures were left out or changed, a sentence each."""
    of_all = f"of {sum(counts.total for counts in splits):,} pictures looked at"
    if damaged := [path for counts in splits for path in counts.damaged]:
        yield (
            f"{len(damaged):,} {of_all} cannot be read and were left out: "
            f"{folder_listing.first_few(root, damaged)}."
        )
    if resized := sum(counts.resized for counts in splits):
        size = "x".join(map(str, config.size))
        yield (
            f"{resized:,} {of_all} have another size and were resized to {size} "
            f"(config.dataset.fit={config.fit})."
        )
    if config.channels == 1 and (coloured := sum(counts.coloured for counts in splits)):
        yield f"{coloured:,} {of_all} are in colour and were made grey."


def _all_damaged(root: str, paths: Sequence[str]) -> UserError:
    reason = "it cannot be read; save it again"
    try:
        images.layers(images.read_bytes(paths[0]), paths[0])
    except UserError as error:
        reason = str(error)
    return UserError(
        f"{printable(root)}: expected pictures, found {len(paths):,} files that are damaged or no pictures, "
        f"the first being {reason}"
    )

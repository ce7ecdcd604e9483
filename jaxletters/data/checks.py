"""What is wrong with a dataset, or looks wrong, as people must know before they train on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxletters.config import sources
from jaxletters.data import canvas, glyphs, orientation

# How many examples of a class its mean is taken of, and of a split, of which all classes are judged.
_OF_A_CLASS, _OF_A_SPLIT = 100, 4000
# How well images must agree with letters to be told how they lie, and by how much more than in any other way:
# EMNIST, Binary AlphaDigits, MNIST and generated letters agree by .55 or more, .24 more than otherwise.
_AGREEMENT, _MARGIN = 0.4, 0.15
# Pairs that look alike gain up to .2 from an exchange, by the means of so many examples each.
_GAIN, _OF_A_PAIR = 0.3, 20
# The border is as bright as paper where so much of it is above the middle of the range, in so many images.
_BRIGHT, _MIDDLE, _IN_MOST = 0.9, 127, 0.8
# Examples of a class that its mean and its accuracy need, and of all classes, to call labels random.
_LEAST_OF_A_CLASS, _JUDGED = 8, 200
_SHOWN = 8


class Examples(NamedTuple):
    """A split.

    Attributes:
        images: uint8 `[n, h, w]` or `[n, h, w, 3]`.
        labels: int32 `[n]`.
        hashes: uint64 `[n]`, of `digests.of_images`.
    """

    images: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray


def problems(class_names: Sequence[str], splits: Mapping[str, Examples]) -> list[str]:
    """Returns why nothing can be learned from a dataset, a line each; none where it can.

    Args:
        class_names: one per label.
        splits: by name, "train" first.
    """
    found = []
    for split, (images, labels, _) in splits.items():
        pixels = tuple(range(1, images.ndim))
        if not len(images):
            found.append(f"{split}: expected images, found an empty split; add some")
        elif (images.min(axis=pixels) == images.max(axis=pixels)).all():
            found.append(
                f"{split}: expected something in the images, found all {len(images):,} of them blank; check "
                "the files, and that they were read or scaled as they are meant"
            )
        classes = np.unique(labels)
        if split == "train" and len(classes) == 1:
            found.append(
                f"{split}: expected examples of two classes or more, found only "
                f"{class_names[classes[0]]}; add those of another class"
            )
    return found


def warnings(
    class_names: Sequence[str], splits: Mapping[str, Examples], settings: Mapping[str, Any]
) -> list[str]:
    """Returns what looks wrong with a dataset and what to do about it, a line each.

    Whatever is not certain is left out: how images lie, for instance, is known of letters and digits alone.

    Args:
        class_names: one per label.
        splits: by name, "train" first; none for which there are `problems`.
        settings: the source's, by name: where it has "orientation" or "ink", that is the remedy.
    """
    names = tuple(class_names)
    train = splits["train"]
    chosen = _chosen(train.labels, _OF_A_CLASS) if glyphs.are_named(names) else {}
    means = {label: _mean(train.images[of]) for label, of in chosen.items()}
    inverted = {label: 255 - mean for label, mean in means.items()}
    dark = _has_bright_paper(train.images) or (
        _certain(glyphs.matches(means, names)) is None
        and _certain(glyphs.matches(inverted, names)) is not None
    )
    many = [label for label, of in chosen.items() if len(of) >= _OF_A_PAIR]
    return [
        *_rare(names, splits),
        *_repeated(splits),
        *(_dark_ink(settings) if dark and train.images.ndim == 3 else ()),
        *_taken_otherwise(names, inverted if dark else means, many, settings),
        *_random(train),
    ]


def _rare(names: tuple[str, ...], splits: Mapping[str, Examples]) -> Iterator[str]:
    """Says which classes have no examples, or a single one; EMNIST's first class has none by design."""
    for split, examples in splits.items():
        counts = np.bincount(examples.labels, minlength=len(names))
        missing = [n for i, n in enumerate(names) if not counts[i] and (i or n != "N/A")]
        if missing:
            yield (
                f"{split}: {len(missing):,} of {len(names):,} classes have no examples ({_list(missing)}); "
                "add some, or leave these classes out"
            )
        if names[0] == "N/A" and counts[0] and not counts[len(names) - 1]:
            yield (
                f"{split}: {counts[0]:,} examples are labelled 0 ({names[0]}) and none {len(names) - 1} "
                f"({names[-1]}); if the labels begin at 0, add 1 to each"
            )
        single = [name for name, count in zip(names, counts, strict=False) if count == 1]
        if single and split == "train":
            yield (
                f"{split}: {len(single):,} of {len(names):,} classes have a single example "
                f"({_list(single)}), so that none can be held out to validate or test on; add some, or leave "
                "these classes out"
            )


def _repeated(splits: Mapping[str, Examples]) -> Iterator[str]:
    """Says how many images are in two splits, and how many in the training split have several labels."""
    names = list(splits)
    for i, split in enumerate(names):
        for earlier in names[:i]:
            shared, others = _in_both(splits[split], splits[earlier])
            if shared:
                otherwise = f" ({others:,} of them only under another label)" if others else ""
                yield (
                    f"{split}: {shared:,} of {len(splits[split].labels):,} images are in {earlier} as well"
                    f"{otherwise}, so that a figure on {split} is not one on unseen images; remove them from "
                    "one of the two"
                )
    train = splits["train"]
    pairs = np.unique(np.stack([train.hashes, train.labels.astype(np.uint64)]), axis=1)
    images, labels = np.unique(pairs[0], return_counts=True)
    several = np.count_nonzero(_is_in(train.hashes, images[labels > 1]))
    if several:
        yield (
            f"train: {several:,} of {len(train.labels):,} images are there again under another label; "
            "compare these labels with the images, and keep one of each"
        )


def _in_both(examples: Examples, others: Examples) -> tuple[int, int]:
    """Returns how many examples' images others have as well, and how many of these never with their label."""
    shared = _is_in(examples.hashes, others.hashes)
    known = _is_in(others.hashes, examples.hashes[shared])
    theirs = set(zip(others.hashes[known].tolist(), others.labels[known].tolist(), strict=True))
    ours = zip(examples.hashes[shared].tolist(), examples.labels[shared].tolist(), strict=True)
    return int(shared.sum()), sum(pair not in theirs for pair in ours)


def _is_in(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    # NumPy 2.0's own choice of a method fails on uint64 above the largest int64.
    return np.isin(hashes, others, kind="sort")


def _dark_ink(settings: Mapping[str, Any]) -> Iterator[str]:
    remedy = (
        "set config.dataset.ink=dark" if "ink" in settings else "invert them where they are read"
    )
    yield (
        "train: the images look like dark ink on bright paper, where 0 is expected for paper and 255 for "
        f"ink; if that is so, {remedy}"
    )


def _certain(ways: list[glyphs.Match]) -> glyphs.Match | None:
    """Returns the way that agrees best, if it does so beyond doubt."""
    sure = len(ways) > 1 and ways[0].agreement >= max(_AGREEMENT, ways[1].agreement + _MARGIN)
    return ways[0] if sure else None


def _taken_otherwise(
    names: tuple[str, ...],
    means: Mapping[int, np.ndarray],
    many: list[int],
    settings: Mapping[str, Any],
) -> Iterator[str]:
    """Says how images of letters or digits lie, and which labels are others' labels.

    Args:
        names: of the classes.
        means: of each label the mean image, bright on dark.
        many: labels with so many examples that two of them can be told to be exchanged.
        settings: the source's.
    """
    ways = glyphs.matches(means, names)
    best = _certain(ways)
    if best is None:
        return
    if best.orientation != sources.UPRIGHT:
        as_they_are = next(w for w in ways if w[1:] == (sources.UPRIGHT, best.shift))
        remedy = "turn them where they are read"
        if "orientation" in settings:
            turned = orientation.both(str(settings["orientation"]), best.orientation)
            remedy = f"set config.dataset.orientation={turned}"
        yield (
            f"train: the images seem to lie not upright but {best.orientation}: turned back, they agree with "
            f"how the characters are written by {best.agreement:.2f}, as they are by "
            f"{as_they_are.agreement:.2f} (of 1); {remedy}"
        )
    if best.shift:
        label = next(i for i in means if 0 < i + best.shift < len(names))
        size, remedy = ("small", "add 1 to") if best.shift > 0 else ("great", "subtract 1 from")
        yield (
            f"train: the labels look too {size} by one: what is labelled {label} ({names[label]}) looks like "
            f"{names[label + best.shift]}, and so on; {remedy} each label, or correct the class names"
        )
    elif best.orientation == sources.UPRIGHT:
        for a, b in glyphs.exchanged({label: means[label] for label in many}, names, _GAIN):
            yield (
                f"train: the classes {names[a]} and {names[b]} look exchanged; compare their labels, {a} and "
                f"{b}, with the images"
            )


def _random(train: Examples) -> Iterator[str]:
    """Says when the nearest mean of a class is right as often as a guess, which is so for random labels."""
    counts = np.bincount(train.labels)
    classes = int(np.count_nonzero(counts >= _LEAST_OF_A_CLASS))
    most = max(_OF_A_SPLIT // max(classes, 1) // 2 * 2, _LEAST_OF_A_CLASS)
    chosen = [of for of in _chosen(train.labels, most).values() if len(of) >= _LEAST_OF_A_CLASS]
    judged = sum(len(of) // 2 for of in chosen)
    # Of fewer, twice as many as by guesses might be right by chance. Photographs may have means alike.
    if train.images.ndim > 3 or len(chosen) < 2 or judged < max(_JUDGED, 9 * (len(chosen) - 1)):
        return
    down, right = (canvas.areas(size, glyphs.SIDE) for size in train.images.shape[1:])
    small = [
        np.stack(
            [(down @ image.astype(np.float32) @ right.T).reshape(-1) for image in train.images[of]]
        )
        for of in chosen
    ]
    means = np.stack([images[::2].mean(axis=0) for images in small])
    offsets = (means**2).sum(axis=1)
    nearest = [(offsets - 2 * images[1::2] @ means.T).argmin(axis=1) for images in small]
    right_ones = float(np.mean([(found == i).mean() for i, found in enumerate(nearest)]))
    guess = 1 / len(chosen)
    if right_ones < guess + 2 * np.sqrt(guess * (1 - guess) / judged):
        yield (
            f"train: the labels look random: the nearest mean of a class is right for {right_ones:.1%} of "
            f"{judged:,} images, a guess for {guess:.1%}; compare the labels with the images, and the order "
            "of both files"
        )


def _chosen(labels: np.ndarray, most: int) -> dict[int, np.ndarray]:
    """Returns the indices of at most so many examples of each class, evenly spaced."""
    order = np.argsort(labels, kind="stable")
    classes, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    return {
        int(label): order[start + np.arange(min(count, most)) * count // min(count, most)]
        for label, start, count in zip(classes, starts, counts, strict=True)
    }


def _mean(images: np.ndarray) -> np.ndarray:
    """Returns the mean of images in grey: float32 `[h, w]`."""
    mean = images.mean(axis=0, dtype=np.float32)
    return mean if mean.ndim == 2 else mean.mean(axis=2)


def _has_bright_paper(images: np.ndarray) -> bool:
    if images.ndim > 3:
        return False
    some = images[:: -(-len(images) // _OF_A_SPLIT)]
    border = np.concatenate(
        [some[:, [0, -1]].reshape(len(some), -1), some[:, 1:-1, 0], some[:, 1:-1, -1]], 1
    )
    bright = (border > _MIDDLE).mean(axis=1) > _BRIGHT
    darker_inside = some.mean(axis=(1, 2), dtype=np.float32) < border.mean(axis=1)
    return bool((bright & darker_inside).mean() > _IN_MOST)


def _list(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")

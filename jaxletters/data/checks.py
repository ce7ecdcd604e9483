"""Finds errors and likely errors in a dataset before anything is trained on it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxletters.config import sources
from jaxletters.data import canvas, glyphs, orientation

# The largest number of examples for the mean of a class, and for a test of a whole split.
_PER_CLASS, _PER_SPLIT = 100, 4000
# A match is certain with this agreement and this margin over the second best. EMNIST, Binary AlphaDigits,
# MNIST and generated letters agree by .55 or more when upright, .24 more than otherwise.
_AGREEMENT, _MARGIN = 0.4, 0.15
# The gain that proves an exchange, between means of this many examples: pairs that look alike gain up to .2.
_GAIN, _PER_EXCHANGED = 0.3, 20
# Paper is bright if this share of the border is above the middle of the range, in this share of the images.
_BRIGHT, _MIDDLE, _IN_MOST = 0.9, 127, 0.8
# The least number of examples of a class, and of all classes, to test whether labels are random.
_LEAST_PER_CLASS, _LEAST_TESTED = 8, 200
_LISTED = 8


class Examples(NamedTuple):
    """The examples of a split."""

    images: np.ndarray  # uint8 [n, h, w] or [n, h, w, 3]
    labels: np.ndarray  # int32 [n]
    hashes: np.ndarray  # uint64 [n], of `digests.of_images`


def problems(class_names: Sequence[str], splits: Mapping[str, Examples]) -> list[str]:
    """Returns the errors that make a dataset useless for training, one line each."""
    result: list[str] = []
    for split, (images, labels, _) in splits.items():
        pixels = tuple(range(1, images.ndim))
        if not len(images):
            result.append(f"{split}: expected images, found an empty split; add some")
        elif (images.min(axis=pixels) == images.max(axis=pixels)).all():
            result.append(
                f"{split}: expected something in the images, found all {len(images):,} of them blank; check "
                "the files, and how they are loaded and scaled"
            )
        classes = np.unique(labels)
        if split == "train" and len(classes) == 1:
            result.append(
                f"{split}: expected examples of two classes or more, found only "
                f"{class_names[classes[0]]}; add those of another class"
            )
    return result


def warnings(
    class_names: Sequence[str], splits: Mapping[str, Examples], settings: Mapping[str, object]
) -> list[str]:
    """Returns likely errors in a dataset and their remedies, one line each.

    Only certain findings are reported: the orientation of images, for example, only for letters and digits.

    Args:
        class_names: one per label.
        splits: "train" and others, without `problems`.
        settings: the source's, by name; if it has "orientation" or "ink", the remedy is to set that.
    """
    names = tuple(class_names)
    train = splits["train"]
    sampled = _sample(train.labels, _PER_CLASS) if glyphs.are_named(names) else {}
    means = {label: _mean(train.images[indices]) for label, indices in sampled.items()}
    inverted = {label: 255 - mean for label, mean in means.items()}
    dark = _has_bright_paper(train.images) or (
        _certain(glyphs.matches(means, names)) is None
        and _certain(glyphs.matches(inverted, names)) is not None
    )
    frequent = [label for label, indices in sampled.items() if len(indices) >= _PER_EXCHANGED]
    return [
        *_rare_classes(names, splits),
        *_duplicates(splits),
        *([_dark_ink("ink" in settings)] if dark and train.images.ndim == 3 else ()),
        *_mismatched(names, inverted if dark else means, frequent, settings),
        *_random(train),
    ]


def _rare_classes(names: tuple[str, ...], splits: Mapping[str, Examples]) -> Iterator[str]:
    """Yields the classes with no or a single example, except EMNIST's first class, which is unused."""
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
                f"({names[-1]}); if the labels start at 0, add 1 to each"
            )
        single = [name for name, count in zip(names, counts, strict=False) if count == 1]
        if single and split == "train":
            yield (
                f"{split}: {len(single):,} of {len(names):,} classes have a single example "
                f"({_list(single)}), so none can be held out for validation or testing; add some, or leave "
                "these classes out"
            )


def _duplicates(splits: Mapping[str, Examples]) -> Iterator[str]:
    """Yields the numbers of images in two splits, and of training images with several labels."""
    names = list(splits)
    for i, split in enumerate(names):
        for earlier in names[:i]:
            shared, relabelled = _in_both(splits[split], splits[earlier])
            if shared:
                note = f" ({relabelled:,} of them only under another label)" if relabelled else ""
                yield (
                    f"{split}: {shared:,} of {len(splits[split].labels):,} images are in {earlier} as well"
                    f"{note}, so results on {split} are not results on unseen images; remove them from one "
                    "of the two"
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
    """Returns the number of examples with an image of `others`, and of these, never with the same label."""
    shared = _is_in(examples.hashes, others.hashes)
    in_shared = _is_in(others.hashes, examples.hashes[shared])
    labelled = {
        *zip(others.hashes[in_shared].tolist(), others.labels[in_shared].tolist(), strict=True)
    }
    pairs = zip(examples.hashes[shared].tolist(), examples.labels[shared].tolist(), strict=True)
    return int(shared.sum()), sum(pair not in labelled for pair in pairs)


def _is_in(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    # NumPy 2.0's default method fails on uint64 above the largest int64.
    return np.isin(hashes, others, kind="sort")


def _dark_ink(has_setting: bool) -> str:
    remedy = "set config.dataset.ink=dark" if has_setting else "invert them where they are read"
    return (
        "train: the images look like dark ink on bright paper, where 0 is expected for paper and 255 for "
        f"ink; if that is so, {remedy}"
    )


def _certain(matches: list[glyphs.Match]) -> glyphs.Match | None:
    """Returns the best match if it is certain."""
    if len(matches) < 2 or matches[0].agreement < max(_AGREEMENT, matches[1].agreement + _MARGIN):
        return None
    return matches[0]


def _mismatched(
    names: tuple[str, ...],
    means: Mapping[int, np.ndarray],
    frequent: list[int],
    settings: Mapping[str, object],
) -> Iterator[str]:
    """Yields a wrong orientation, a shift of the labels, or exchanged classes, of letters and digits.

    `means` has the mean image of each label, bright on dark, and `frequent` the labels with enough examples
    to detect an exchange.
    """
    matches = glyphs.matches(means, names)
    best = _certain(matches)
    if best is None:
        return
    if best.orientation != sources.UPRIGHT:
        unturned = next(m for m in matches if m[1:] == (sources.UPRIGHT, best.shift))
        remedy = "turn them where they are read"
        if "orientation" in settings:
            turned = orientation.compose(str(settings["orientation"]), best.orientation)
            remedy = f"set config.dataset.orientation={turned}"
        yield (
            f"train: the images seem not upright but {best.orientation}: turned upright, they agree with the "
            f"characters by {best.agreement:.2f}, as they are by {unturned.agreement:.2f} (of 1); {remedy}"
        )
    if best.shift:
        label = next(i for i in means if 0 < i + best.shift < len(names))
        size, remedy = ("small", "add 1 to") if best.shift > 0 else ("great", "subtract 1 from")
        yield (
            f"train: the labels look too {size} by one: images labelled {label} ({names[label]}) look like "
            f"{names[label + best.shift]}, and so on; {remedy} each label, or correct the class names"
        )
    elif best.orientation == sources.UPRIGHT:
        for a, b in glyphs.exchanged({label: means[label] for label in frequent}, names, _GAIN):
            yield (
                f"train: the classes {names[a]} and {names[b]} look exchanged; compare their labels, {a} and "
                f"{b}, with the images"
            )


def _random(train: Examples) -> Iterator[str]:
    """Yields a warning if nearest-mean classification is no better than chance, as with random labels."""
    counts = np.bincount(train.labels)
    classes = int(np.count_nonzero(counts >= _LEAST_PER_CLASS))
    most = max(_PER_SPLIT // max(classes, 1) // 2 * 2, _LEAST_PER_CLASS)
    sampled = [i for i in _sample(train.labels, most).values() if len(i) >= _LEAST_PER_CLASS]
    tested = sum(len(indices) // 2 for indices in sampled)
    # With fewer examples, chance could double the accuracy of a guess. Photographs can have equal means.
    if (
        train.images.ndim > 3
        or len(sampled) < 2
        or tested < max(_LEAST_TESTED, 9 * (len(sampled) - 1))
    ):
        return
    down, right = (canvas.areas(size, glyphs.SIDE) for size in train.images.shape[1:])

    def shrink(image: np.ndarray) -> np.ndarray:
        return (down @ image.astype(np.float32) @ right.T).reshape(-1)

    small = [np.stack([shrink(image) for image in train.images[indices]]) for indices in sampled]
    means = np.stack([images[::2].mean(axis=0) for images in small])
    offsets = (means**2).sum(axis=1)
    nearest = [(offsets - 2 * images[1::2] @ means.T).argmin(axis=1) for images in small]
    accuracy = float(np.mean([(classes == i).mean() for i, classes in enumerate(nearest)]))
    chance = 1 / len(sampled)
    if accuracy < chance + 2 * np.sqrt(chance * (1 - chance) / tested):
        yield (
            f"train: the labels look random: the nearest mean of a class is right for {accuracy:.1%} of "
            f"{tested:,} images, a guess for {chance:.1%}; compare the labels with the images, and the order "
            "of both files"
        )


def _sample(labels: np.ndarray, most: int) -> dict[int, np.ndarray]:
    """Returns the indices of at most `most` examples of each class, evenly spaced."""
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
    images = images[:: -(-len(images) // _PER_SPLIT)]
    border = np.concatenate(
        [images[:, [0, -1]].reshape(len(images), -1), images[:, 1:-1, 0], images[:, 1:-1, -1]], 1
    )
    bright = (border > _MIDDLE).mean(axis=1) > _BRIGHT
    darker_inside = images.mean(axis=(1, 2), dtype=np.float32) < border.mean(axis=1)
    return bool((bright & darker_inside).mean() > _IN_MOST)


def _list(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_LISTED]) + (", ..." if len(listed) > _LISTED else "")

"""Letters of one hand, with examples that a network learned before."""

import numpy as np
from numpy.typing import NDArray

from jaxletters.config.hand import Hand
from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError, printable
from jaxletters.data import datasets, stratified

# Every so many letters of a class, one is held out.
_EVERY = 5
# Examples of each class that the network learned before, and how many the repeated letters of the hand are.
_LEARNED_PER_CLASS, _OF_HAND = 400, 3200


def read(config: Hand, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns the images of a split, uint8 `[n, *size]`, and their labels, those of the network.

    Raises:
        UserError: the folder is none of pictures for each class, or of classes that the network does not
            have, or has no class with five letters.
    """
    images, labels = letters(config, split)
    if split == "test":
        return images, labels
    repeats = max(round(_OF_HAND / len(labels)), 1)
    parts = repeats * [(images, labels)]
    for source in config.learned:
        learned = datasets.load(source, "train")
        most = _LEARNED_PER_CLASS * len(np.unique(learned.labels))
        chosen = stratified.limit(learned.labels, most, seed=0)
        parts.append((learned.images[chosen], learned.labels[chosen]))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def letters(config: Hand, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns the letters of the hand in a split, each once; see `read`."""
    images, labels = _all_letters(config)
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[_EVERY - 1 :: _EVERY]] = True
    if not held_out.any():
        raise UserError(
            f"{printable(config.path)}: expected at least {_EVERY} letters of a class, one of them for the "
            f"test, found at most {np.bincount(labels).max()}; add some"
        )
    chosen = held_out if split == "test" else ~held_out
    return images[chosen], labels[chosen]


def _all_letters(config: Hand) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns all pictures of the folder as images, and their labels."""
    source = ImageFolder(
        path=config.path,
        size=config.size[:2],
        channels=3 if config.size[2:] else 1,
        fit=config.pictures,
    )
    dataset = datasets.load(source, "train")
    table = np.array([_label(config, name) for name in dataset.class_names], np.int32)
    return dataset.images, table[dataset.labels]


def _label(config: Hand, name: str) -> int:
    """Returns the label of a folder's class, whose name may differ from the network's in case."""
    for candidate in (name, name.upper(), name.lower()):
        if candidate in config.class_names:
            return config.class_names.index(candidate)
    raise UserError(
        f"{printable(config.path)}: expected folders of the classes that the network has "
        f"({', '.join(config.class_names)}), found {printable(name)}; rename it, or leave it out"
    )

"""Letters of one hand, with examples that a network learned before."""

import numpy as np
from numpy.typing import NDArray

from jaxletters.config.hand import Hand
from jaxletters.config.slots import Source
from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError, printable
from jaxletters.data import datasets, naming, selection, stratified

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
    parts: list[tuple[NDArray[np.uint8], NDArray[np.int32]]] = []
    if split != "validation":
        images, labels = letters(config, split)
        if split == "test":
            return images, labels
        parts += max(round(_OF_HAND / len(labels)), 1) * [(images, labels)]
    for source in config.learned:
        parts.append(_learned(config, source, split))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _learned(
    config: Hand, source: Source, split: str
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Returns examples of the dataset that the network was trained on: some of those, or those held out."""
    splits = datasets.DatasetSplits(source)
    trained, held_out = selection.train_and_validation(splits, config.split, config.seed)
    if split == "validation":
        # Not those that the network was also trained on, which would make it look too sure.
        known = np.isin(splits.hashes(held_out), splits.hashes(trained))
        chosen = splits.take(held_out._replace(indices=held_out.indices[~known]))
        return chosen.images, chosen.labels
    learned = splits.take(trained)
    most = _LEARNED_PER_CLASS * len(np.unique(learned.labels))
    indices = stratified.limit(learned.labels, most, seed=0)
    return learned.images[indices], learned.labels[indices]


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
    """Returns the label of a folder's class; see `Hand.path`."""
    second = {
        folder: class_name for class_name, folder in naming.folders(config.class_names).items()
    }
    for candidate in (name, second.get(name), name.upper(), name.lower()):
        if candidate in config.class_names:
            return config.class_names.index(candidate)
    raise UserError(
        f"{printable(config.path)}: expected folders of the classes that the network has "
        f"({', '.join(config.class_names)}), found {printable(name)}; rename it, or leave it out"
    )

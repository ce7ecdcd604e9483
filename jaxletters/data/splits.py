"""Splitting a dataset without mixing up its classes: pure, seeded, the same on every machine."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters import rng
from jaxletters.types import Dataset


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices to keep and those to hold out, each int64 and rising.

    Of a class with c examples, `min(per_class, c // 6)` are held out: EMNIST Letters as NIST published
    it gives 800 of the 4,800 in each class, and a rare class keeps five sixths of its examples.

    Args:
        labels: int32 `[n]`.
        per_class: the largest number held out of any class.
        seed: of the choice.
    """
    ranks = np.asarray(jax.random.bits(rng.key(seed, rng.Stream.SPLIT), labels.shape, jnp.uint32))
    order = np.lexsort((ranks, labels))
    held = []
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        held.append(members[: min(per_class, len(members) // 6)])
    mask = np.zeros(len(labels), bool)
    mask[np.concatenate(held)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def take(dataset: Dataset, indices: np.ndarray) -> Dataset:
    """Returns the examples at `indices`, in their order."""
    return dataset._replace(images=dataset.images[indices], labels=dataset.labels[indices])

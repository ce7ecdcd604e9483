"""Splitting a dataset without mixing up its classes: pure, seeded, the same on every machine."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters import rng
from jaxletters.errors import UserError
from jaxletters.types import Dataset


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices to keep and those to hold out, each int64 and rising.

    Of a class with c examples, `min(per_class, c // 6)` are held out: EMNIST Letters as NIST published
    it gives 800 of the 4,800 in each class, and a rare class keeps five sixths of its examples.

    Args:
        labels: int32 `[n]`.
        per_class: the largest number held out of any class.
        seed: of the choice.

    Raises:
        UserError: every class has fewer than six examples, so none could be held out.
    """
    ranks = np.asarray(jax.random.bits(rng.key(seed, rng.Stream.SPLIT), labels.shape, jnp.uint32))
    order = np.lexsort((ranks, labels))
    classes = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    held = np.concatenate([members[: min(per_class, len(members) // 6)] for members in classes])
    if not len(held):
        raise UserError(
            "training examples: expected a class of at least 6 to hold out some for validation, found "
            f"at most {max(map(len, classes))} in any class; use more examples"
        )
    mask = np.zeros(len(labels), bool)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def take(dataset: Dataset, indices: np.ndarray) -> Dataset:
    """Returns the examples at `indices`, in their order."""
    return dataset._replace(images=dataset.images[indices], labels=dataset.labels[indices])

"""Stratified, seeded selection of examples by their labels: hold-out, subsampling, cross-validation folds.

All functions are pure and give the same indices on every machine. Labels are int32 `[n]`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.core import rng
from jaxletters.core.errors import UserError


def hold_out(labels: np.ndarray, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices for training and those for validation, each int64 and rising.

    Of a class with c examples, `min(per_class, c // 6)` are held out: EMNIST Letters as NIST published
    it gives 800 of the 4,800 in each class, and a rare class keeps five sixths of its examples.

    Raises:
        UserError: every class has fewer than six examples, so none could be held out.
    """
    counts = np.bincount(labels)
    quotas = np.minimum(per_class, counts // 6)
    if per_class and not quotas.any():
        raise UserError(
            "training examples: expected a class of at least 6 to hold out some for validation, found "
            f"at most {counts.max()} in any class; use more examples"
        )
    return _split(_ranks(labels, seed, rng.Stream.SPLIT) < quotas[labels])


def hold_out_test(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices for training and those for testing, each int64 and rising.

    The `share` of each class to test on is rounded to whole examples, at least one; a class with a single
    example keeps it for training.
    """
    counts = np.bincount(labels)
    quotas = np.minimum(np.maximum(1, np.rint(share * counts)), counts - 1)
    return _split(_ranks(labels, seed, rng.Stream.TEST) < quotas[labels])


def limit(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Returns the indices, int64 and rising, of at most `most` examples, balanced over the classes.

    The numbers of two classes differ by at most one, unless the smaller class has no more examples.
    """
    ranks = _ranks(labels, seed, rng.Stream.LIMIT)
    return np.sort(np.lexsort((labels, ranks))[:most])


def folds(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns the fold of every example, int64 `[n]` in [0, count), for stratified cross-validation.

    The sizes of two folds differ by at most one, in total and in every class.

    Raises:
        UserError: a fold would lack a class.
    """
    classes, members = np.unique(labels, return_counts=True)
    rarest = classes[members.argmin()]
    if members.min() < 2:
        raise UserError(
            f"config.folds: expected two examples or more of each class, found one of label {rarest}; add "
            "some, or leave the class out"
        )
    if not 2 <= count <= members.min():
        raise UserError(
            f"config.folds: expected 2 to {members.min()}, the examples of the smallest class (label "
            f"{rarest}), found {count}; choose fewer folds"
        )
    result = np.empty(len(labels), np.int64)
    # Deal the examples out class by class; each class starts at the fold after the last one's.
    order = np.lexsort((_ranks(labels, seed, rng.Stream.FOLDS), labels))
    result[order] = np.arange(len(labels)) % count
    return result


def _ranks(labels: np.ndarray, seed: int, stream: rng.Stream) -> np.ndarray:
    """Returns each example's position, from 0, in a random order of its class: int64 `[n]`."""
    bits = np.asarray(jax.random.bits(rng.key(seed, stream), labels.shape, jnp.uint32))
    order = np.lexsort((bits, labels))
    starts = np.searchsorted(labels[order], labels[order])
    result = np.empty(len(labels), np.int64)
    result[order] = np.arange(len(labels)) - starts
    return result


def _split(is_held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)

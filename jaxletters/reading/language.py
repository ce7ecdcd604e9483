"""Which letters follow which in words: a prior for characters that the network alone cannot tell.

It knows sequences of three letters of English and no words: names and made-up words are read too.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_TABLE = Path(__file__).with_name("letter_sequences.npz")
# The number of what is outside of a word; also of characters that are no letters.
OUTSIDE = 26
# The weight of the prior against the network's probabilities.
WEIGHT = 0.8


@functools.cache
def ratios() -> NDArray[np.float32]:
    """Returns the logarithms of the probabilities of letters after two others, against equal ones.

    float32 `[27, 27, 27]`; the last value of each axis is the outside of a word.
    """
    with np.load(_TABLE) as arrays:
        return arrays["after_two"].astype(np.float32) + np.float32(np.log(26))


def tokens(class_names: tuple[str, ...]) -> NDArray[np.int64]:
    """Returns the number of each class in the alphabet, `OUTSIDE` for others: int64 `[classes]`."""
    return np.array(
        [
            ord(name.upper()) - ord("A")
            if len(name) == 1 and name.isascii() and name.isalpha()
            else OUTSIDE
            for name in class_names
        ]
    )


def steps(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns the score of each class after two others: float32 `[27, 27, classes]`, 0 for what is no letter.

    Args:
        numbers: of the classes, from `tokens`.
    """
    return np.where(numbers == OUTSIDE, np.float32(0), ratios()[:, :, numbers])


def apply(class_names: tuple[str, ...], probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the probabilities of a word's characters, given its other characters.

    The forward and backward sums over all sequences of classes (Rabiner, A tutorial on hidden Markov models,
    1989, section III).

    Args:
        class_names: one per label; without letters, nothing changes.
        probabilities: float32 `[n, classes]`, of the characters from left to right; rows add up to 1. A
            single character has no context and keeps its probabilities.

    Returns:
        float32 `[n, classes]`; rows add up to 1.
    """
    numbers = tokens(class_names)
    count = len(probabilities)
    if count < 2 or (numbers == OUTSIDE).all():
        return probabilities
    to_token = np.eye(OUTSIDE + 1)[numbers]
    step = np.exp(WEIGHT * steps(numbers))
    # Of the two tokens before each character, and of what follows them.
    forward = np.zeros((count + 1, OUTSIDE + 1, OUTSIDE + 1))
    forward[0, OUTSIDE, OUTSIDE] = 1
    for i, row in enumerate(probabilities):
        after = np.einsum("ab,abc->bc", forward[i], step) * row @ to_token
        forward[i + 1] = after / after.sum()
    result = np.empty(probabilities.shape)
    backward = np.exp(WEIGHT * ratios()[:, :, OUTSIDE]).astype(np.float64)
    for i in range(count - 1, -1, -1):
        # From the token before and the class of this character to the end.
        onward = backward[:, numbers] * probabilities[i]
        result[i] = (np.einsum("ab,abc->bc", forward[i], step) * onward).sum(0)
        backward = np.einsum("abc,bc->ab", step, onward)
        backward /= backward.sum()
    return (result / result.sum(axis=1, keepdims=True)).astype(np.float32)

"""Digits and letters that look alike, told apart by the other characters of their word."""

import numpy as np
from numpy.typing import NDArray

# Digits and the letters that they look like, in either case.
_ALIKE = ("0O", "1I", "1L", "2Z", "5S", "6G", "8B")
# The network tells two characters that look alike apart by details of the datasets, such as the writers'
# style, so each has at least this share of the other's probability.
_LEAST_SHARE = 0.1
# The probability that a digit follows a letter in a word, or a letter a digit.
_SWITCH = 0.05


def apply(class_names: tuple[str, ...], probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the probabilities of a word's characters, given that most words are letters or a number.

    A hidden Markov model with the states "letters" and "digits": the evidence of a character for a state is
    the sum of its probabilities of the classes of that state (Rabiner, A tutorial on hidden Markov models,
    1989, section III). "2O26" becomes 2026 and "H0USE" HOUSE, but A4 stays A4.

    Args:
        class_names: one per label; with letters or digits only, nothing changes.
        probabilities: float32 `[n, classes]`, of the characters from left to right; rows add up to 1. A
            single character has no context and keeps its probabilities.

    Returns:
        float32 `[n, classes]`; rows add up to 1.
    """
    allowed = _states(class_names)
    if len(probabilities) < 2 or allowed.all(axis=1).any():
        return probabilities
    shared = _shared(class_names, probabilities)
    neighbours = _from_neighbours(shared @ allowed.T)
    result = shared * (neighbours @ allowed)
    return (result / result.sum(axis=1, keepdims=True)).astype(np.float32)


def _states(class_names: tuple[str, ...]) -> NDArray[np.float64]:
    """Returns 1 for the classes that each state allows, letters and digits, else 0: float64 `[2, classes]`.

    Both states allow other characters.
    """
    letters = np.array([len(name) == 1 and name.isalpha() for name in class_names])
    digits = np.array([len(name) == 1 and name.isdecimal() for name in class_names])
    return 1.0 - np.stack([digits, letters])


def _shared(
    class_names: tuple[str, ...], probabilities: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Returns probabilities with the least share of all classes that look like a probable one.

    Classes that are no answer have probability 0 for all characters, and keep it.
    """
    result = probabilities.astype(np.float64)
    answers = probabilities.max(axis=0) > 0
    labels: dict[str, list[int]] = {}
    for label, name in enumerate(class_names):
        labels.setdefault(name.upper(), []).append(label)
    for digit, letter in _ALIKE:
        for one in labels.get(digit, []):
            for other in labels.get(letter, []):
                for a, b in ((one, other), (other, one)):
                    if answers[a]:
                        least = _LEAST_SHARE * probabilities[:, b]
                        result[:, a] = np.maximum(result[:, a], least)
    return result


def _from_neighbours(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the probability of the states of each character by its neighbours: float64 `[n, 2]`.

    Args:
        evidence: float64 `[n, 2]`, of each character for each state; positive.
    """
    step = np.array([[1 - _SWITCH, _SWITCH], [_SWITCH, 1 - _SWITCH]])
    forward = np.full(evidence.shape, 0.5)
    backward = np.ones(evidence.shape)
    for i in range(1, len(evidence)):
        forward[i] = _normalised((forward[i - 1] * evidence[i - 1]) @ step)
        backward[-i - 1] = _normalised(step @ (backward[-i] * evidence[-i]))
    return forward * backward


def _normalised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values / values.sum()

"""The best way to put the pieces of a word together to letters, judged by a network and by `language`.

As `lattice`, but a path also has a letter for each of its candidates, with a score after the two before it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters.reading import language
from jaxletters.reading.language import OUTSIDE, Floats
from jaxletters.reading.lattice import MIN_PROBABILITY, SHARPNESS, Candidate, Choice

# The most probable classes of a candidate that are tried.
_CLASSES = 5
# The weight of a class's probability, and that of its place in the word.
_NETWORK, _LANGUAGE = 0.5, 0.5 * language.WEIGHT


class Letters(NamedTuple):
    """What the letters of candidates add to a path.

    Attributes:
        tokens: the numbers of the classes that are tried, and `OUTSIDE` for none: int64 `[candidates, k]`.
        scores: of each: float64 `[candidates, k]`.
        steps: of each after two others: float64 `[candidates, 27, 27, k]`, before `scores` are added.
    """

    tokens: NDArray[np.int64]
    scores: Floats
    steps: Floats


def letters(
    class_names: tuple[str, ...], probabilities: Floats, shapes: Floats, nothing: Floats
) -> Letters:
    """Returns the scores of the letters of candidates.

    Args:
        class_names: one per label.
        probabilities: float32 `[candidates, classes]`.
        shapes: the score of each candidate without its letter: float64 `[candidates]`.
        nothing: its score as something that is not read: float64 `[candidates]`.
    """
    count = min(_CLASSES, len(class_names))
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    rows = np.arange(len(probabilities))[:, None]
    of_network = np.log(np.maximum(probabilities[rows, best], MIN_PROBABILITY))
    numbers = language.tokens(class_names)
    steps = _LANGUAGE * np.moveaxis(language.steps(numbers)[:, :, best], 2, 0)
    last = np.full((len(best), 1), OUTSIDE)
    return Letters(
        np.concatenate([numbers[best], last], axis=1),
        np.concatenate([_NETWORK * of_network + shapes[:, None], nothing[:, None]], axis=1),
        np.concatenate([steps, np.zeros((*steps.shape[:3], 1))], axis=3),
    )


def best_path(found: Sequence[Candidate], of: Letters) -> list[Choice]:
    """Returns the characters of a word, from left to right.

    Args:
        found: the candidates, sorted by their first pieces, which begin and end with the word.
        of: their letters.
    """
    first, stop = found[0].first, max(candidate.stop for candidate in found)
    best = _backward(found, of, (first, stop), 1.0, np.maximum)
    after = _backward(found, of, (first, stop), SHARPNESS, np.logaddexp)
    before = _forward(found, of, (first, stop))
    total = after[0][OUTSIDE, OUTSIDE]
    path: list[Choice] = []
    place, a, b = first, OUTSIDE, OUTSIDE
    while place < stop:
        scores = {
            k: of.steps[k, a, b] + of.scores[k] + best[candidate.stop - first][b, of.tokens[k]]
            for k, candidate in enumerate(found)
            if candidate.first == place
        }
        k = max(scores, key=lambda k: scores[k].max())
        ways = before[place - first] + _onward(
            of, k, after[found[k].stop - first], SHARPNESS, np.logaddexp
        )
        share = float(np.exp(np.logaddexp.reduce(ways, axis=None) - total))
        path.append(Choice(k, min(share, 1.0)))
        a, b, place = b, int(of.tokens[k, scores[k].argmax()]), found[k].stop
    return path


def _onward(of: Letters, k: int, after: Floats, sharpness: float, reduce: np.ufunc) -> Floats:
    """Returns the score from the two tokens before a candidate to the end of the word: float64 `[27, 27]`."""
    scores = sharpness * (of.steps[k] + of.scores[k]) + after[:, of.tokens[k]]
    return reduce.reduce(scores, axis=2)


def _backward(
    found: Sequence[Candidate],
    of: Letters,
    ends: tuple[int, int],
    sharpness: float,
    reduce: np.ufunc,
) -> NDArray[np.float64]:
    """Returns the score from two tokens before each place to the end: float64 `[places, 27, 27]`."""
    first, stop = ends
    after = np.full((stop - first + 1, OUTSIDE + 1, OUTSIDE + 1), -np.inf)
    after[-1] = sharpness * _LANGUAGE * language.ratios()[:, :, OUTSIDE]
    for k in range(len(found) - 1, -1, -1):
        here, there = found[k].first - first, found[k].stop - first
        after[here] = reduce(after[here], _onward(of, k, after[there], sharpness, reduce))
    return after


def _forward(found: Sequence[Candidate], of: Letters, ends: tuple[int, int]) -> NDArray[np.float64]:
    """Returns the sharpened score from the start to two tokens before each place: `[places, 27, 27]`."""
    first, stop = ends
    before = np.full((stop - first + 1, OUTSIDE + 1, OUTSIDE + 1), -np.inf)
    before[0, OUTSIDE, OUTSIDE] = 0
    for k, candidate in enumerate(found):
        ways = before[candidate.first - first][:, :, None] + SHARPNESS * (
            of.steps[k] + of.scores[k]
        )
        reached = np.logaddexp.reduce(ways, axis=0)
        there = before[candidate.stop - first]
        for i, token in enumerate(of.tokens[k]):
            there[:, token] = np.logaddexp(there[:, token], reached[:, i])
    return before

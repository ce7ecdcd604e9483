"""How well pages are read: characters, words, spaces, lines, and what confidence is worth."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxletters.reading.recognition import Character, Reading

SURE = 0.9  # a confidence above it should not be wrong


class Breaks(NamedTuple):
    """Spaces between words, or line breaks: those written, those read, and those which are both."""

    written: int
    read: int
    right: int


class Score(NamedTuple):
    """How one or more pages were read; case is ignored.

    Attributes:
        pages: their number.
        written: the number of characters on them, without spaces and line breaks.
        errors: the least number of characters to replace, insert or remove in what was read.
        words: the number of words on them.
        words_right: the number of words that were read without an error.
        spaces: between the words of a line.
        line_breaks: between lines.
        confidences: float64 `[n]`, of each character that was read; -1 where it was refused.
        right: bool `[n]`, whether that character is what is written there.
        in_set: bool `[m]`, for each character that stands for a written one, whether its conformal set holds
            that; characters of a network that is not calibrated have none.
    """

    pages: int
    written: int
    errors: int
    words: int
    words_right: int
    spaces: Breaks
    line_breaks: Breaks
    confidences: np.ndarray
    right: np.ndarray
    in_set: np.ndarray

    def at_coverage(self, share: float) -> float:
        """Returns the accuracy of that share of the characters found of which the reader is surest."""
        order = np.argsort(-self.confidences, kind="stable")
        kept = order[: round(share * len(order))]
        return float(self.right[kept].mean()) if len(kept) else np.nan

    @property
    def refused(self) -> float:
        """The share of the characters found that are read as "?"."""
        return float((self.confidences < 0).mean()) if len(self.confidences) else np.nan

    @property
    def sure_and_wrong(self) -> int:
        """The number of wrong characters with a confidence above `SURE`."""
        return int((~self.right & (self.confidences > SURE)).sum())


def of_page(lines: Sequence[Sequence[str]], reading: Reading | None) -> Score:
    """Returns how a page was read.

    Args:
        lines: the words of each line that is written.
        reading: of the page, None if no writing was found.
    """
    found = reading.lines if reading else ()
    written = [[word.upper() for word in words] for words in lines]
    read = [["".join(c.name.upper() for c in word) for word in line] for line in found]
    # A class may have a name of several letters: one character each, so that indices are the same.
    characters = [c for line in found for word in line for c in word]
    names = [c.name.upper() for c in characters]
    text = [letter for words in written for word in words for letter in word]
    path = alignment(text, names)
    pairs = [(i - 1, j - 1) for (a, b), (i, j) in itertools.pairwise(path) if i > a and j > b]
    right = np.zeros(len(names), bool)
    for i, j in pairs:
        right[j] = text[i] == names[j]
    stands_for = [(characters[j], text[i]) for i, j in pairs]
    words = [word for line in written for word in line]
    words_read = [word for line in read for word in line]
    word_path = alignment(words, words_read)
    return Score(
        pages=1,
        written=len(text),
        errors=_distance(path, text, names),
        words=len(words),
        words_right=len(words) - _missed(word_path, words, words_read),
        spaces=_breaks(written, found, path, between_lines=False),
        line_breaks=_breaks(written, found, path, between_lines=True),
        confidences=np.array([-1.0 if c.name == "?" else c.confidence for c in characters]),
        right=right,
        in_set=np.array([_holds(c, letter) for c, letter in stands_for if c.candidates], bool),
    )


def total(scores: Iterable[Score]) -> Score:
    """Returns the score of all pages together."""
    columns = list(zip(*scores, strict=True))
    spaces, line_breaks = (Breaks(*np.sum(columns[i], 0).tolist()) for i in (5, 6))
    counts = (sum(column) for column in columns[:5])
    return Score(*counts, spaces, line_breaks, *(np.concatenate(c) for c in columns[7:]))


def alignment(written: Sequence[str], read: Sequence[str]) -> list[tuple[int, int]]:
    """Returns the cheapest way from (0, 0) to the ends of two sequences (Levenshtein).

    A step forward in both matches or replaces an item, in one alone it removes or inserts one.
    """
    table = np.empty((len(written) + 1, len(read) + 1), np.int64)
    table[:, 0], table[0] = np.arange(len(written) + 1), np.arange(len(read) + 1)
    for i, item in enumerate(written):
        for j, other in enumerate(read):
            replaced = table[i, j] + (item != other)
            table[i + 1, j + 1] = min(replaced, table[i, j + 1] + 1, table[i + 1, j] + 1)
    i, j = len(written), len(read)
    path = [(i, j)]
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (written[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
        elif i and table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
        path.append((i, j))
    return path[::-1]


def _distance(path: list[tuple[int, int]], written: Sequence[str], read: Sequence[str]) -> int:
    return sum(
        i == a or j == b or written[a] != read[b] for (a, b), (i, j) in itertools.pairwise(path)
    )


def _missed(path: list[tuple[int, int]], written: Sequence[str], read: Sequence[str]) -> int:
    """Returns how many written items were not read as such."""
    return sum(
        i > a and (j == b or written[a] != read[b]) for (a, b), (i, j) in itertools.pairwise(path)
    )


def _holds(character: Character, letter: str) -> bool:
    return letter in {name.upper() for name in character.candidates}


def _breaks(
    written: Sequence[Sequence[Sequence[object]]],
    read: Sequence[Sequence[Sequence[object]]],
    path: list[tuple[int, int]],
    between_lines: bool,
) -> Breaks:
    """Returns how many breaks are at the same place of the alignment of their characters."""
    ours, theirs = (_places(lines, between_lines) for lines in (written, read))
    right = {i for i, j in path if i in ours and j in theirs}
    return Breaks(len(ours), len(theirs), len(right))


def _places(lines: Sequence[Sequence[Sequence[object]]], between_lines: bool) -> set[int]:
    """Returns the numbers of characters before each break."""
    places: set[int] = set()
    count = 0
    for line in lines:
        for word in line:
            count += len(word)
            if not between_lines and word is not line[-1]:
                places.add(count)
        if between_lines and line is not lines[-1]:
            places.add(count)
    return places

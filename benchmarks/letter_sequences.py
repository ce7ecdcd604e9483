"""Counts which letters follow which in the words of a list, for the reading of words.

    python benchmarks/letter_sequences.py WORDS

writes jaxletters/reading/letter_sequences.npz. The shipped table is from the list of Debian's
package wamerican 2020.12.07-2 (/usr/share/dict/american-english), which is part of SCOWL.
"""

import argparse
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "jaxletters" / "reading" / "letter_sequences.npz"
OUTSIDE = 26  # what is before and after a word
LONGEST = 9
# People also write the alphabet. It counts as this many words.
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS = 50
# Letters alone are written too: this share of the words that begin with a letter are that letter.
SINGLE = 0.15
# How many words of the shorter context the distribution of a longer one begins with.
PRIORS = 5.0, 8.0
# The share of equal probabilities: names and codes have any sequence.
ANY = 0.1


def table(words: set[str]) -> np.ndarray:
    """Returns the log-probabilities of a letter after two others: float32 `[27, 27, 27]`.

    The last value of each axis is the outside of a word. Rare contexts are interpolated with the
    probabilities after one letter, and these with those of all letters (Jelinek & Mercer, Interpolated
    estimation of Markov source parameters from sparse data, 1980).
    """
    counts = np.zeros((27, 27, 27))
    for word in words:
        weight = ALPHABETS if word == ALPHABET else 1
        letters = [OUTSIDE, OUTSIDE, *(ord(letter) - ord("a") for letter in word), OUTSIDE]
        for triple in zip(letters, letters[1:], letters[2:], strict=False):
            counts[triple] += weight
    counts[OUTSIDE, :OUTSIDE, OUTSIDE] += SINGLE * counts[OUTSIDE, OUTSIDE, :OUTSIDE]
    after_one = counts.sum(0)
    alone = after_one.sum(0) + 1
    alone /= alone.sum()
    after_one = (after_one + PRIORS[0] * alone) / (after_one.sum(1, keepdims=True) + PRIORS[0])
    after_two = (counts + PRIORS[1] * after_one) / (counts.sum(2, keepdims=True) + PRIORS[1])
    return np.log((1 - ANY) * after_two + ANY / 27).astype(np.float32)


def main() -> None:
    """Reads the list and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", type=Path)
    words = {word.strip().lower() for word in parser.parse_args().words.open(encoding="utf-8")}
    usual = {w for w in words if w.isascii() and w.isalpha() and 2 <= len(w) <= LONGEST}
    np.savez_compressed(RESULT, after_two=table({*usual, ALPHABET}).astype(np.float16))
    print(f"{len(usual)} words, {RESULT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

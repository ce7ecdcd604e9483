"""The exception for errors that the user can correct, and text for its messages."""

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """An error that the user can correct; the command lines print it without a traceback and exit with 2.

    Every line of the message names the thing, the expected value, the found value and the remedy.
    """


def printable(text: str) -> str:
    """Returns a text on one line, with escapes for characters that cannot be printed."""
    return text if text.isprintable() else repr(text)


def one_line(error: BaseException) -> str:
    """Returns the message of an error on one line, or its type if it has no message."""
    return printable(" ".join(str(error).split()) or type(error).__name__)


def format_size(shape: Sequence[int]) -> str:
    """Returns the size of images for a message; `shape` is (height, width) or (height, width, 3)."""
    height, width, *channels = shape
    return f"{height}x{width} pixels{' in colour' if channels == [3] else ''}"


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" if a candidate is similar to the word, else the empty string."""
    close = difflib.get_close_matches(word, list(candidates), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""

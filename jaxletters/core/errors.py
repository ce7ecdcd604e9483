"""The one exception for what a user can mend."""

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Something the user must mend; `launch.py` prints it without a traceback and exits with code 2.

    Every line of the message names the thing, what was expected, what was found and the way on.
    """


def printable(text: str) -> str:
    """Returns a text for a message: on one line, whatever is in it."""
    return text if text.isprintable() else repr(text)


def one_line(error: BaseException) -> str:
    """Returns what an error says, or else its type, on one line."""
    return printable(" ".join(str(error).split()) or type(error).__name__)


def format_size(shape: Sequence[int]) -> str:
    """Returns how a message calls the size of images, (height, width) or (height, width, 3)."""
    height, width, *channels = shape
    return f"{height}x{width} pixels{' in colour' if channels == [3] else ''}"


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" if a candidate is similar to the word, else the empty string."""
    close = difflib.get_close_matches(word, list(candidates), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""

"""The one exception for what a user can mend."""

from collections.abc import Sequence


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

"""The one exception for what a user can mend."""


class UserError(Exception):
    """Something the user must mend; `launch.py` prints it without a traceback and exits with code 2.

    Every line of the message names the thing, what was expected, what was found and the way on.
    """


def shown(text: str) -> str:
    """Returns a text for a message: on one line, whatever is in it."""
    return text if text.isprintable() else repr(text)

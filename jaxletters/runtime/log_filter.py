"""Filters the errors that Orbax and TensorStore print to stderr in addition to raising them.

When an array cannot be read or written, Orbax closes its event loop and raises. TensorStore's threads then
report every other array to the closed loop, each with a traceback, at any later time.
"""

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from typing import cast

_LOGGERS = ("absl", "asyncio")

# Several threads may use the filter: the first installs it, the last removes it.
_lock = threading.Lock()
_users = 0
_uninstall: Callable[[], None] | None = None


def install() -> None:
    """Installs the filter for the life of the process; for command lines, which own their process."""
    _add_user()


@contextlib.contextmanager
def installed() -> Generator[None]:
    """Installs the filter for the block, then restores loggers, warnings and hooks."""
    _add_user()
    try:
        yield
    finally:
        _remove_user()


def _add_user() -> None:
    global _users, _uninstall
    with _lock:
        if not _users:
            _uninstall = _install()
        _users += 1


def _remove_user() -> None:
    global _users
    with _lock:
        _users -= 1
        if not _users and _uninstall is not None:
            _uninstall()


def _install() -> Callable[[], None]:
    """Installs the filter; returns the function that removes it."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    former_hook = sys.unraisablehook

    def filtering_hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            former_hook(unraisable)

    def uninstall() -> None:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if warning_filter in warning_filters:
            warning_filters.remove(warning_filter)
        # Keeps a hook that somebody else has set in the meantime.
        if sys.unraisablehook is filtering_hook:
            sys.unraisablehook = former_hook

    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    # About coroutines that Orbax does not start after another one failed.
    warnings.filterwarnings("ignore", "coroutine '.*' was never awaited", RuntimeWarning)
    warning_filters = cast("list[object]", warnings.filters)
    warning_filter = warning_filters[0]
    sys.unraisablehook = filtering_hook
    return uninstall

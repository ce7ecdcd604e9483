"""Keeps Orbax and TensorStore from repeating, on stderr, what Orbax raises.

Where an array cannot be read or written, Orbax closes its event loop and raises; TensorStore's threads
report all other arrays to the closed loop, a traceback each, at any later moment.
"""

import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

_LOGGERS = ("absl", "asyncio")

# Several threads may be quiet at a time: the first changes the process, the last puts it back.
_lock = threading.Lock()
_inside = 0
_undo: Callable[[], None] | None = None


def install() -> None:
    """Is quiet until the process ends; for a command line, whose process nobody else uses."""
    _enter()


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Is quiet within the block; then loggers and hooks are again what they were."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _undo
    with _lock:
        if not _inside:
            _undo = _begin()
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside and _undo is not None:
            _undo()


def _begin() -> Callable[[], None]:
    """Changes the process; returns what puts it back."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    report = sys.unraisablehook

    def unless_closed(found: Any) -> None:
        if str(found.exc_value) != "Event loop is closed":
            report(found)

    def undo() -> None:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if filtered in filters:
            filters.remove(filtered)
        # Who has set another one meanwhile keeps it.
        if sys.unraisablehook is unless_closed:
            sys.unraisablehook = report

    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    # Of what was not begun when something else failed.
    warnings.filterwarnings("ignore", "coroutine '.*' was never awaited", RuntimeWarning)
    filters = cast("list[Any]", warnings.filters)
    filtered = filters[0]
    sys.unraisablehook = unless_closed
    return undo

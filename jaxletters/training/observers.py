"""Notifies the observers of a run; an observer that fails does not stop the run."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxletters.config import user_modules
from jaxletters.config.slots import Observer
from jaxletters.runtime import console

# The observers that failed in this process, each with the run folder.
_failed: set[tuple[Observer, Path]] = set()


def record(observers: Sequence[Observer], folder: Path, values: Mapping[str, Any]) -> None:
    """Passes a record to the observers."""
    _notify(observers, folder, lambda observer: observer.record(folder, values))


def finished(observers: Sequence[Observer], folder: Path, result: Mapping[str, Any]) -> None:
    """Passes the result of a finished run to the observers."""
    _notify(observers, folder, lambda observer: observer.finished(folder, copy.deepcopy(result)))


def _notify(
    observers: Sequence[Observer], folder: Path, action: Callable[[Observer], None]
) -> None:
    for observer in observers:
        if (observer, folder) in _failed:
            continue
        try:
            with observer.import_context():
                action(observer)
        except Exception as error:  # a user's observer may raise anything
            _failed.add((observer, folder))
            cause = user_modules.describe_error(error)
            console.notice(f"{type(observer).__name__} fails and gets no further records: {cause}")

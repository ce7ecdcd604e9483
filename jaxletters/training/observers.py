"""Observers of a run, which may fail without the run."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxletters.config import user_modules
from jaxletters.config.slots import Observer
from jaxletters.runtime import console

# Those that failed in this process, with the folder of the run.
_failed: set[tuple[Observer, Path]] = set()


def record(observers: Sequence[Observer], folder: Path, values: Mapping[str, Any]) -> None:
    """Tells observers a record."""
    _tell(observers, folder, lambda observer: observer.record(folder, values))


def finished(observers: Sequence[Observer], folder: Path, result: Mapping[str, Any]) -> None:
    """Tells observers a result."""
    _tell(observers, folder, lambda observer: observer.finished(folder, copy.deepcopy(result)))


def _tell(observers: Sequence[Observer], folder: Path, action: Callable[[Observer], None]) -> None:
    for observer in observers:
        if (observer, folder) in _failed:
            continue
        try:
            with observer.import_context():
                action(observer)
        except Exception as error:  # its type differs with what the observer does
            _failed.add((observer, folder))
            cause = user_modules.describe_error(error)
            console.notice(f"{type(observer).__name__} fails and is told nothing more: {cause}")

"""Parts, the frozen dataclasses that make up a config, and their settings.

A part of this package and a part of a user's config file work the same way: each is a subclass of the base
class of its slot, such as `ModelConfig`, and builds what it describes. Nothing here imports JAX or Flax.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ClassVar, NamedTuple

PACKAGE = __name__.partition(".")[0]


class Rule(NamedTuple):
    """The values that a setting allows.

    Attributes:
        low: the least number; None for no limit.
        high: the greatest number; None for no limit, but infinity is never allowed.
        choices: the only values allowed; empty for any value.
        duration: whether the value is a length of time, such as "1h30m".
        required: whether an empty value is an error.
        regex: whether the value is a regular expression.
    """

    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    duration: bool = False
    required: bool = False
    regex: bool = False


ANY = Rule()


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    duration: bool = False,
    required: bool = False,
    regex: bool = False,
    in_fingerprint: bool = True,
) -> Any:
    """Returns a dataclass field with values that are checked before any data are loaded.

    Args:
        default: the default value: a bool, number, string, part, or a tuple of these.
        low: the least number allowed; applies to each number of a tuple.
        high: the greatest number allowed.
        choices: the only strings allowed.
        duration: whether the value is a length of time, such as "1h30m".
        required: whether an empty value is an error.
        regex: whether the value is a regular expression.
        in_fingerprint: whether runs with different values are different experiments. False for file locations
            and for how often a run saves or logs.
    """
    rule = Rule(low, high, choices, duration, required, regex)
    metadata = {"rule": rule, "in_fingerprint": in_fingerprint}
    return dataclasses.field(default=default, metadata=metadata)


def as_text(path: Any) -> Any:
    """Returns a path as text; other values unchanged."""
    return path.__fspath__() if hasattr(path, "__fspath__") else path


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a config."""

    def problems(self) -> Iterator[str]:
        """Yields a line for each conflict between settings, such as "width: must be even".

        Every line begins with the name of a setting. It is called after the limits of each setting were
        checked.
        """
        return iter(())


class Code(NamedTuple):
    """The Python code that defines a user's part.

    Attributes:
        file: the file of its class, relative to the common folder of all `files`.
        sha256: the SHA-256 of all files with their names, as 64 hexadecimal digits.
        files: the content of that file and of the files beside it that it imports, by relative path.
        importing: returns a context in which these files can be imported.
    """

    file: str
    sha256: str
    files: dict[str, bytes]
    importing: Callable[[], AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Slot(Part):
    """A part that may come from this package or from a user.

    Attributes:
        defined_by: the code of a user's class, which is part of the fingerprint and is kept with every run;
            None for the parts of this package.
    """

    defined_by: ClassVar[Code | None] = None

    @contextmanager
    def import_context(self) -> Generator[None]:
        """A context in which the modules beside the files of this part and its own parts can be imported."""
        with ExitStack() as stack:
            for part in (self, *vars(self).values()):
                if isinstance(part, Slot) and part.defined_by:
                    stack.enter_context(part.defined_by.importing())
            yield


def is_builtin(cls: type) -> bool:
    """Returns whether a class belongs to this package."""
    return cls.__module__.startswith(f"{PACKAGE}.")


def builtin_parts(slot: type[Slot]) -> dict[str, type[Slot]]:
    """Returns the parts of this package that fill a slot, by class name."""
    parts: dict[str, type[Slot]] = {}
    for cls in slot.__subclasses__():
        if is_builtin(cls):
            parts |= {cls.__name__: cls, **builtin_parts(cls)}
    return parts

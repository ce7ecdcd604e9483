"""What a config is made of: parts, which are frozen dataclasses, and their settings.

A part of this package and one of a user's config file are the same thing: a subclass of a slot's base
class, such as `ModelConfig`, that can build what it describes. Nothing here imports JAX or Flax.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, ClassVar, NamedTuple


class Rule(NamedTuple):
    """What values a setting may have.

    Attributes:
        low: the least number; None for no limit.
        high: the greatest number; None for no limit, but infinity is never allowed.
        choices: the only values allowed; empty for any.
        duration: whether it is a length of time, such as "1h30m".
        required: whether it may not be empty.
    """

    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    duration: bool = False
    required: bool = False


ANY = Rule()


def setting(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    duration: bool = False,
    required: bool = False,
    identity: bool = True,
) -> Any:
    """Returns a dataclass field whose values are checked before anything is loaded.

    Args:
        default: its value where none is given: a bool, number, string, part, or a tuple of them.
        low: the least number allowed; of a tuple of numbers, of each.
        high: the greatest.
        choices: the only strings allowed.
        duration: whether it is a length of time, such as "1h30m".
        required: whether it may not be empty.
        identity: whether runs that differ in it are different experiments. False for what says where
            things lie, or how often they are saved or shown.
    """
    rule = Rule(low, high, choices, duration, required)
    return dataclasses.field(default=default, metadata={"rule": rule, "identity": identity})


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a config."""

    def problems(self) -> Iterator[str]:
        """Yields what is wrong with several settings together, a line each, such as "width: must be even".

        Every line begins with the setting's name; each setting alone has been checked before.
        """
        return iter(())


class Code(NamedTuple):
    """The Python that defines a part outside this package.

    Attributes:
        file: the file of its class, relative to the folder that all `files` lie in.
        sha256: of all files with their names, as 64 hexadecimal digits.
        files: the content of that file and of those beside it that it imports, by relative path.
        importing: a context in which these files can be imported.
    """

    file: str
    sha256: str
    files: dict[str, bytes]
    importing: Callable[[], AbstractContextManager[None]]


@dataclasses.dataclass(frozen=True)
class Slot(Part):
    """A part that may be of this package or of a user.

    Attributes:
        defined_by: what defines the class outside this package, which belongs to the experiment's identity
            and is kept with every run; None for the parts of this package.
    """

    defined_by: ClassVar[Code | None] = None

    @contextmanager
    def importing(self) -> Iterator[None]:
        """A context in which what lies beside the part's file, and its own parts', can be imported."""
        with ExitStack() as stack:
            for part in (self, *vars(self).values()):
                if isinstance(part, Slot) and part.defined_by:
                    stack.enter_context(part.defined_by.importing())
            yield


def is_ours(cls: type) -> bool:
    """Returns whether a class is this package's, not a user's."""
    return cls.__module__.startswith(f"{__package__}.")


def ours(slot: type[Slot]) -> dict[str, type[Slot]]:
    """Returns the parts of this package that fill a slot, by the names of their classes."""
    found = {}
    for cls in slot.__subclasses__():
        if is_ours(cls):
            found |= {cls.__name__: cls, **ours(cls)}
    return found

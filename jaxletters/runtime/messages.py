"""The messages from the first process of a run to the others, as bytes."""

import json
from typing import Any, NamedTuple


class NewProgram(NamedTuple):
    """A program; its StableHLO follows. `donated` are the arguments whose memory the results may use."""

    number: int
    donated: list[int]


class NewArray(NamedTuple):
    """An array that is the same on all devices; its bytes follow."""

    number: int
    dtype: str
    shape: list[int]


class Call(NamedTuple):
    """A call of a program with arrays; its results get the given numbers. `forget` are arrays not needed."""

    program: int
    arguments: list[int]
    results: list[int]
    forget: list[int]


class Sync(NamedTuple):
    """All processes wait for each other, at the barrier with this number."""

    number: int


class End(NamedTuple):
    """The end of an experiment: with a "result", an "error" or "interrupted", the last two with a text."""

    outcome: str
    value: Any


Message = NewProgram | NewArray | Call | Sync | End
_KINDS: dict[str, type[Message]] = {
    cls.__name__: cls for cls in (NewProgram, NewArray, Call, Sync, End)
}


def encode(message: Message, data: bytes = b"") -> bytes:
    """Returns a message and what follows it."""
    return json.dumps([type(message).__name__, *message]).encode() + b"\n" + data


def decode(content: bytes) -> tuple[Message, bytes]:
    """Returns what `encode` was given."""
    head, _, data = content.partition(b"\n")
    kind, *fields = json.loads(head)
    return _KINDS[kind](*fields), data

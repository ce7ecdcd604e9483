"""Checks of a config before any data are loaded or any program is compiled."""

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard, TypeVar, cast

from jaxletters.config import serialization
from jaxletters.config.parts import Part, Rule, Slot
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    Experiment,
    SeedsConfig,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.core.errors import UserError, did_you_mean

T = TypeVar("T", bound=Experiment)


def is_experiment(value: object) -> TypeGuard[Experiment]:
    """Returns whether a value is a config that can be run; a subclass by a user is not."""
    kinds = (Config, CrossvalConfig, SeedsConfig, SweepConfig, ZeroShotConfig, StudyConfig)
    return type(value) in kinds


def coerce(config: T) -> T:
    """Returns a config with values of the declared types: lists become tuples, and 2 becomes 2.0.

    Raises:
        UserError: a setting has a wrong type; a line for each.
    """
    coerced = serialization.from_dict(serialization.to_dict(config), config)
    check_types(coerced)
    return coerced


def check_types(config: Experiment) -> None:
    """Raises a UserError with a line for each setting of a wrong type."""
    _raise_all(_type_problems(config))


def check(config: Experiment, device_count: int) -> None:
    """Raises a UserError with a line for each problem of the config."""
    # Values are compared only if all types are right, and parts check themselves only if all values are
    # within their limits, so that comparisons and computations cannot fail.
    check_types(config)
    problems = list(_value_problems(config)) or [
        problem
        for key, part in serialization.parts_of(config)
        if isinstance(part, Part)
        for problem in _part_problems(key, part)
    ]
    problems += [f"config.{problem}" for problem in config.problems()]
    if isinstance(config, Config) and config.training.batch_size % device_count:
        problems.append(
            f"config.training.batch_size: expected a multiple of the {device_count} devices, "
            f"found {config.training.batch_size}"
        )
    _raise_all(problems)


def type_name(kind: Any) -> str:
    """Returns the name of a setting's type for a message: "int", "tuple[int, ...]"."""
    return str(kind) if typing.get_args(kind) else getattr(kind, "__name__", str(kind))


def _raise_all(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise UserError("\n".join(lines))


def _type_problems(config: object, prefix: str = "") -> Iterator[str]:
    for name, kind in serialization.declared_types(type(config)).items():
        value, key = getattr(config, name), f"{prefix}{name}"
        if not _matches(value, kind):
            yield f"config.{key}: expected {type_name(kind)}, found {value!r}"
        elif parts := serialization.nested_parts(key, value):
            for part_key, part in parts:
                yield from _class_problems(part_key, part)
                yield from _type_problems(part, f"{part_key}.")
        elif not _is_plain(value):
            yield (
                f"config.{key}: expected a bool, a number, a string, a part or a tuple of them, found "
                f"{value!r}"
            )


def _matches(value: object, kind: Any) -> bool:
    """Returns whether a value has a declared type; an int is a float, but a bool is no number."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_matches(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        items = cast("tuple[object, ...]", value)
        kinds = arguments[:1] * len(items) if arguments[-1:] == (...,) else arguments
        return len(items) == len(kinds) and all(map(_matches, items, kinds))
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind in (bool, int, str):
        return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
    cls = origin or kind
    return isinstance(cls, type) and isinstance(value, cls)


def _class_problems(key: str, part: object) -> Iterator[str]:
    cls = type(part)
    # A subclass of a dataclass without the decorator passes for a dataclass, but its settings are ignored.
    if cls in Slot.__subclasses__():
        yield (
            f"config.{key}: expected a part that can build what it describes, found {cls.__name__}, which is "
            "only a base class; name one of its subclasses"
        )
    elif "__dataclass_params__" not in vars(cls):
        yield (
            f"config.{key}: expected a dataclass, found {cls.__name__}, which is not decorated; write "
            "@dataclasses.dataclass(frozen=True) above it"
        )
    elif not cls.__dataclass_params__.eq or not all(f.compare for f in dataclasses.fields(cls)):  # pyright: ignore
        yield (
            f"config.{key}: expected a dataclass that compares all its settings, found {cls.__name__}; leave "
            "eq and compare at their defaults"
        )


def _is_plain(value: object) -> bool:
    """Returns whether JSON can represent a value, and equal values have equal hashes."""
    if isinstance(value, tuple):
        return all(map(_is_plain, cast("tuple[object, ...]", value)))
    return value is None or type(value) in (bool, int, float, str)


def _value_problems(config: Experiment) -> Iterator[str]:
    for key, _, rule, value in serialization.leaves(config):
        if rule.choices and value not in rule.choices:
            hint = did_you_mean(value, rule.choices)
            yield f"config.{key}: unknown {value!r}{hint}; one of {', '.join(rule.choices)}"
        for number in value if serialization.is_sequence(value) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool):
                yield from _number_problems(key, number, rule)
        if (
            rule.duration
            and (value or rule.required)
            and not serialization.parse_duration(str(value))
        ):
            yield f"config.{key}: expected a time such as 5h, 90m or 1h30m, found {value!r}"
        if rule.regex:
            yield from _regex_problems(key, str(value))


def _number_problems(key: str, number: float, rule: Rule) -> Iterator[str]:
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    # Infinity is never allowed, because training with it gives NaN.
    if low <= number <= high and abs(number) < math.inf:
        return
    if rule.low is None:
        limits = "a finite number" if rule.high is None else f"{rule.high} or less, finite"
    else:
        limits = f"{low} or more, finite" if rule.high is None else f"{low} to {high}"
    yield f"config.{key}: expected {limits}, found {number}"


def _regex_problems(key: str, pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"config.{key}: expected a regular expression, found {pattern!r} ({error})"


def _part_problems(key: str, part: Part) -> Iterator[str]:
    """Yields the problems that a part finds in itself."""
    try:
        yield from [f"config.{key}.{problem}" for problem in part.problems() or ()]
    except Exception as error:  # a user's part may raise any error
        first_line = (str(error).splitlines() or [""])[0]
        failure = f"{type(error).__name__}: {first_line:.200}"
        yield f"config.{key}: {type(part).__name__}.problems fails: {failure}"

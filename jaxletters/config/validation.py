"""What is wrong with a config, found before any data is loaded or anything is compiled."""

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard, TypeVar

from jaxletters.config import schema as schema
from jaxletters.config import serialization
from jaxletters.config.parts import Part, Rule, Slot
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    Experiment,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.config.training import MONITORS
from jaxletters.core.errors import UserError

T = TypeVar("T", bound=Experiment)


def is_experiment(value: Any) -> TypeGuard[Experiment]:
    """Returns whether there is a function that runs it; of a subclass there is none."""
    return type(value) in (Config, CrossvalConfig, SweepConfig, ZeroShotConfig, StudyConfig)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" where a known word is close, else the empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def conformed(config: T) -> T:
    """Returns a config whose values have the declared types: lists become tuples, 2 becomes 2.0.

    Raises:
        UserError: a setting is of a wrong type; a line for each.
    """
    found = serialization.from_dict(serialization.to_dict(config), config)
    check_types(found)
    return found


def check_types(config: Experiment) -> None:
    """Raises a UserError that names every setting of a wrong type, a line each."""
    _raise_all(_type_problems(config))


def check(config: Experiment, device_count: int) -> None:
    """Raises a UserError that names everything wrong with the config, a line each."""
    # Values are only looked at once all types are right, and by the parts themselves once all are within
    # their limits, so that comparing and computing with them cannot fail.
    check_types(config)
    values = list(_value_problems(config))
    parts = [] if values else _part_problems(config)
    _raise_all([*values, *parts, *_joint_problems(config, device_count)])


def _raise_all(problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise UserError("\n".join(lines))


def _matches(value: Any, expected: Any) -> bool:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if expected is Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_matches(value, one) for one in arguments)
    if origin is typing.Literal:
        return any(value == one and type(value) is type(one) for one in arguments)
    if origin is tuple and arguments[-1:] == (...,):
        return isinstance(value, tuple) and all(_matches(v, arguments[0]) for v in value)
    if origin is tuple:
        pairs = zip(value, arguments, strict=False) if isinstance(value, tuple) else ()
        sizes = isinstance(value, tuple) and len(value) == len(arguments)
        return sizes and all(_matches(v, one) for v, one in pairs)
    if expected is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if expected in (bool, int, str):
        return isinstance(value, expected) and isinstance(value, bool) == (expected is bool)
    kind = origin or expected
    return isinstance(kind, type) and isinstance(value, kind)


def _type_problems(config: Any, prefix: str = "") -> Iterator[str]:
    for name, expected in serialization.declared(type(config)).items():
        value, key = getattr(config, name), f"{prefix}{name}"
        if not _matches(value, expected):
            yield f"config.{key}: expected {type_name(expected)}, found {value!r}"
        elif found := serialization.parts(key, value):
            for own, part in found:
                yield from _class_problems(own, type(part))
                yield from _type_problems(part, f"{own}.")
        elif not _is_plain(value):
            yield (
                f"config.{key}: expected a bool, a number, a string, a part or a tuple of them, found "
                f"{value!r}"
            )


def _class_problems(key: str, cls: type) -> Iterator[str]:
    # A subclass of a dataclass looks like one, but has only the settings of the class above it.
    if cls in Slot.__subclasses__():
        yield (
            f"config.{key}: expected a part that can build what it describes, found {cls.__name__}, the base "
            "class of them; name one of its subclasses"
        )
    elif "__dataclass_params__" not in vars(cls):
        yield (
            f"config.{key}: expected a dataclass, found {cls.__name__}, which is not decorated; write "
            "@dataclasses.dataclass(frozen=True) above it"
        )
    elif not cls.__dataclass_params__.eq or not all(f.compare for f in dataclasses.fields(cls)):  # pyright: ignore
        yield (
            f"config.{key}: expected a dataclass that compares all its settings, found {cls.__name__}; leave "
            "eq and compare as they are"
        )


def _is_plain(value: Any) -> bool:
    """Whether JSON keeps it, and equal values have equal hashes."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def type_name(expected: Any) -> str:
    """Returns how a message calls the type of a setting: "int", "tuple[int, ...]"."""
    return (
        str(expected) if typing.get_args(expected) else getattr(expected, "__name__", str(expected))
    )


def _value_problems(config: Experiment) -> Iterator[str]:
    for key, _, rule, value in serialization.leaves(config):
        if rule.choices and value not in rule.choices:
            hint = nearest(value, rule.choices)
            yield f"config.{key}: unknown {value!r}{hint}; one of {', '.join(rule.choices)}"
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool):
                yield from _number_problems(key, number, rule)
        if rule.duration and (value or rule.required) and not serialization.seconds(str(value)):
            yield f"config.{key}: expected a time such as 5h, 90m or 1h30m, found {value!r}"


def _number_problems(key: str, number: float, rule: Rule) -> Iterator[str]:
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    # Infinity is within no limits: it would train to NaN.
    if low <= number <= high and abs(number) < math.inf:
        return
    if rule.low is None:
        limits = "a finite number" if rule.high is None else f"{rule.high} or less, finite"
    else:
        limits = f"{low} or more, finite" if rule.high is None else f"{low} to {high}"
    yield f"config.{key}: expected {limits}, found {number}"


def _joint_problems(config: Experiment, device_count: int) -> Iterator[str]:
    """What is wrong only with several settings taken together."""
    if isinstance(config, StudyConfig):
        if not config.experiments:
            yield "config.experiments: expected at least one, found none; add one to the config file"
        return
    yield from _unused(config)
    if not isinstance(config, Config):
        if not config.base.config:
            yield "config.base.config: expected the config file of a finished run, found none; name one"
        return
    yield from _stage_problems(config)
    yield from _metric_problems(config)
    if config.training.batch_size % device_count:
        yield (
            f"config.training.batch_size: expected a multiple of the {device_count} devices, "
            f"found {config.training.batch_size}"
        )
    if config.training.patience and not config.split.validation_per_class:
        yield (
            "config.training.patience: nothing is validated, so nothing can stop early; set it to 0, or "
            "raise config.split.validation_per_class"
        )


# What records and results have under these names is no metric.
_RESERVED = ("step", "split", "epoch", "errors", "examples")


def _metric_problems(config: Config) -> Iterator[str]:
    names = [*MONITORS, *(metric.name for metric in config.metrics)]
    for i, metric in enumerate(config.metrics):
        if metric.name in _RESERVED:
            yield f"config.metrics.{i}: {metric.name} is the name of something else; rename its class"
        if names.count(metric.name) > 1:
            yield (
                f"config.metrics.{i}: expected a name of its own, found {metric.name} twice; rename its class"
            )
    monitor = config.training.monitor
    if monitor not in names:
        hint = nearest(monitor, names)
        yield f"config.training.monitor: unknown {monitor!r}{hint}; one of {', '.join(names)}"


def _unused(config: Config | ZeroShotConfig) -> Iterator[str]:
    """What the kind of experiment has no use for, and would leave out without a word."""
    if not isinstance(config, CrossvalConfig):
        return
    if config.test_shift:
        yield "config.test_shift: cross-validation tests images as they are; set it to 0"
    plain = schema.Split()
    for name in ("test_share", "test_on"):
        if getattr(config.split, name) != (expected := getattr(plain, name)):
            yield (
                f"config.split.{name}: cross-validation tests on every example; set it to {expected}"
            )


def _part_problems(config: Any, prefix: str = "") -> Iterator[str]:
    """What every part, from the outside in, finds wrong with itself."""
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        for key, part in serialization.parts(f"{prefix}{f.name}", value):
            if isinstance(part, Part):
                yield from (f"config.{key}{problem}" for problem in _own_problems(part))
            yield from _part_problems(part, f"{key}.")


def _own_problems(part: Part) -> Iterator[str]:
    try:
        yield from [f".{problem}" for problem in part.problems() or ()]
    except Exception as error:  # its type differs with what a user's part does
        first = (str(error).splitlines() or [""])[0]
        yield f": {type(part).__name__}.problems fails: {type(error).__name__}: {first:.200}"


def _stage_problems(config: Config) -> Iterator[str]:
    patterns = {f"stages.{i}.trainable": stage.trainable for i, stage in enumerate(config.stages)}
    for key, pattern in {"base.take": config.base.take, **patterns}.items():
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"config.{key}: expected a regular expression, found {pattern!r} ({error})"
    if not config.stages:
        return
    unused = {"optimizer": schema.OptimizerConfig(), "training.epochs": Config().training.epochs}
    given = {"optimizer": config.optimizer, "training.epochs": config.training.epochs}
    for key, value in given.items():
        if value != unused[key]:
            yield f"config.{key}: not used where there are stages; set it in config.stages.0 and on"

"""Conversion of a config to settings by dotted key and to nested dicts, and back."""

import dataclasses
import functools
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard, TypeVar, cast

from jaxletters.config.parts import ANY, Part, Rule, Slot, builtin_parts

T = TypeVar("T")


class Leaf(NamedTuple):
    """A setting.

    Attributes:
        key: its dotted key; the key of a setting in a tuple of parts has the index: "stages.0.epochs".
        kind: the declared type.
        rule: the values that it allows.
        value: the value.
    """

    key: str
    kind: Any
    rule: Rule
    value: Any


def leaves(config: object, prefix: str = "") -> Iterator[Leaf]:
    """Yields every setting, depth first, in the order of declaration."""
    kinds = declared_types(type(config))
    for f in fields_of(config):
        value, key = getattr(config, f.name), f"{prefix}{f.name}"
        if parts := nested_parts(key, value):
            for part_key, part in parts:
                yield from leaves(part, f"{part_key}.")
        else:
            yield Leaf(key, kinds[f.name], f.metadata.get("rule", ANY), value)


def parts_of(config: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every part inside a part or an experiment with its dotted key, each before its own parts."""
    for f in fields_of(config):
        for key, part in nested_parts(f"{prefix}{f.name}", getattr(config, f.name)):
            yield key, part
            yield from parts_of(part, f"{key}.")


def nested_parts(key: str, value: object) -> list[tuple[str, Any]]:
    """Returns the parts that the value of a setting is or contains, with their dotted keys."""
    if _is_part(value):
        return [(key, value)]
    if not _contains_parts(value):
        return []
    return [(f"{key}.{i}", part) for i, part in enumerate(value) if _is_part(part)]


@functools.cache
def declared_types(cls: type) -> dict[str, Any]:
    """Returns the declared type of every setting of a dataclass."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def fields_of(part: object) -> tuple[dataclasses.Field[Any], ...]:
    """Returns the fields of a part or an experiment."""
    return dataclasses.fields(cast(Any, part))


def excluded_settings(cls: type) -> tuple[str, ...]:
    """Returns the settings of a dataclass that are outside the fingerprint.

    With dotted keys, if they belong to a part inside of it that fills no slot.
    """
    excluded: list[str] = []
    kinds = declared_types(cls)
    for f in dataclasses.fields(cls):
        kind = kinds[f.name]
        if not f.metadata.get("in_fingerprint", True):
            excluded.append(f.name)
        elif isinstance(kind, type) and issubclass(kind, Part) and not issubclass(kind, Slot):
            excluded += [f"{f.name}.{key}" for key in excluded_settings(kind)]
    return tuple(excluded)


def to_dict(config: object) -> dict[str, Any]:
    """Returns a part or an experiment as nested dicts; a tuple of parts as a dict by index: "0", "1" ...

    A part that fills a slot has its class under the key "class", which no setting can have.
    """
    values = {f.name: _to_json(getattr(config, f.name)) for f in fields_of(config)}
    return (
        {"class": _class_reference(type(config))} | values if isinstance(config, Slot) else values
    )


def _to_json(value: object) -> object:
    if _is_part(value):
        return to_dict(value)
    if _contains_parts(value):
        return {str(i): _to_json(part) for i, part in enumerate(value)}
    return value


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Returns the values of a nested mapping by dotted key, depth first."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        if is_mapping(value):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def from_dict(values: Mapping[str, Any], template: T) -> T:
    """Returns a copy of the dataclass `template` with the values of a nested mapping.

    A setting that the mapping lacks, for example because it is newer, keeps its value. Whole numbers become
    floats and lists become tuples where the declared type says so.
    """
    changes: dict[str, object] = {}
    kinds = declared_types(type(template))
    for f in fields_of(template):
        if f.name not in values:
            continue
        old, new = getattr(template, f.name), values[f.name]
        if _is_part(old):
            changes[f.name] = from_dict(new, old)
        elif _contains_parts(old):
            changes[f.name] = tuple(
                from_dict(new[str(i)], part) if _is_part(part) else part
                for i, part in enumerate(old)
            )
        else:
            changes[f.name] = _as_declared(new, kinds[f.name])
    return dataclasses.replace(cast(Any, template), **changes)


def instantiate(values: Mapping[str, Any], cls: type[T]) -> T:
    """Returns a dataclass with the values of a nested mapping, as `to_dict` returns it.

    Raises:
        KeyError, TypeError, AttributeError: the values are not those of this class.
    """
    kinds = declared_types(cls)
    return cls(
        **{
            name: instantiate(value, kinds[name])
            if dataclasses.is_dataclass(kinds[name])
            else _as_declared(value, kinds[name])
            for name, value in values.items()
            if name != "class"
        }
    )


def parse_duration(text: str) -> float | None:
    """Returns the seconds of a length of time such as "5h", "90m", "1h30m" or "45s"; None for other texts."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    if not match or not any(match.groups()):
        return None
    hours, minutes, seconds = (int(number or 0) for number in match.groups())
    return 3600.0 * hours + 60 * minutes + seconds


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Returns whether a value is a tuple or a list."""
    return isinstance(value, tuple | list)


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Returns whether a value is a mapping, such as an object of JSON."""
    return isinstance(value, Mapping)


def _is_part(value: object) -> bool:
    # A class instead of an instance has no values.
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _contains_parts(value: object) -> TypeGuard[Sequence[Any]]:
    return is_sequence(value) and any(map(_is_part, value))


def _class_reference(cls: type[Slot]) -> object:
    """Returns the value of "class" in config.json: a name, or for a user's class also its code."""
    if (code := cls.defined_by) is None:
        return cls.__name__
    reference: dict[str, object] = {"name": cls.__name__, "file": code.file, "sha256": code.sha256}
    # The class is not loaded when the fingerprint of a config.json is computed.
    if excluded := excluded_settings(cls):
        reference["outside_identity"] = list(excluded)
    return reference


def _as_declared(value: Any, kind: Any) -> Any:
    if kind is float and type(value) is int and abs(value) <= 2**53:  # larger ones are not exact
        return float(value)
    if typing.get_origin(kind) is tuple and is_sequence(value):
        kinds = typing.get_args(kind)
        if kinds[-1:] == (...,) or len(kinds) != len(value):
            kinds = kinds[:1] * len(value)
        return tuple(map(_as_declared, value, kinds))
    # A tuple of parts is a mapping, see `to_dict`.
    if typing.get_origin(kind) is tuple and is_mapping(value):
        base = typing.get_args(kind)[0]
        return tuple(_part(values, base) for values in value.values())
    return value


def _part(values: Mapping[str, Any], base: type[Any]) -> Any:
    """Returns a part of this package from its settings and, if its base fills a slot, its class."""
    cls = builtin_parts(base)[values["class"]] if issubclass(base, Slot) else base
    return instantiate(values, cls)

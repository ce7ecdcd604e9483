"""A config as settings by dotted key, and as nested dicts."""

import dataclasses
import functools
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from jaxletters.config.parts import ANY, Rule, Slot

T = TypeVar("T")


def _is_config(value: Any) -> bool:
    # A class given in place of what it makes has no values.
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _has_parts(value: Any) -> bool:
    return isinstance(value, tuple | list) and any(map(_is_config, value))


class Leaf(NamedTuple):
    """A setting.

    Attributes:
        key: its dotted key; what lies in a tuple of parts has its index in it: "stages.0.epochs".
        kind: the declared type.
        rule: what values are allowed.
        value: the value.
    """

    key: str
    kind: Any
    rule: Rule
    value: Any


def parts(key: str, value: Any) -> list[tuple[str, Any]]:
    """Returns the parts that the value of a setting is or holds, with their dotted keys."""
    if _is_config(value):
        return [(key, value)]
    if not _has_parts(value):
        return []
    return [(f"{key}.{i}", part) for i, part in enumerate(value) if _is_config(part)]


def leaves(config: Any, prefix: str = "") -> Iterator[Leaf]:
    """Yields every setting, depth first, in the order of declaration."""
    kinds = declared(type(config))
    for f in dataclasses.fields(config):
        value, key = getattr(config, f.name), f"{prefix}{f.name}"
        if found := parts(key, value):
            for own, part in found:
                yield from leaves(part, f"{own}.")
        else:
            yield Leaf(key, kinds[f.name], f.metadata.get("rule", ANY), value)


@functools.cache
def declared(cls: type) -> dict[str, Any]:
    """Returns the declared type of every setting of a dataclass."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def to_dict(config: Any) -> Any:
    """Returns a dataclass as nested dicts; a tuple of dataclasses as a dict by index: "0", "1" ...

    Which class fills a slot is its "class", a name that no setting can have.
    """
    if isinstance(config, Slot):
        return {"class": _class(type(config))} | _values(config)
    if _is_config(config):
        return _values(config)
    if _has_parts(config):
        return {str(i): to_dict(part) for i, part in enumerate(config)}
    return config


def _values(config: Any) -> dict[str, Any]:
    return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}


def _class(cls: type[Slot]) -> Any:
    if (code := cls.defined_by) is None:
        return cls.__name__
    about: dict[str, Any] = {"name": cls.__name__, "file": code.file, "sha256": code.sha256}
    # The class is not at hand where a fingerprint is taken of config.json.
    if loose := outside(cls):
        about["outside_identity"] = list(loose)
    return about


def outside(cls: type) -> tuple[str, ...]:
    """Returns the settings of a dataclass in which runs may differ that are one experiment."""
    return tuple(f.name for f in dataclasses.fields(cls) if not f.metadata.get("identity", True))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns a nested mapping's values by dotted key, depth first."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def from_dict(values: Mapping[str, Any], like: Any) -> Any:
    """Returns a copy of the dataclass `like` with the values of a nested mapping of the same keys.

    What the mapping does not have, such as a setting that came later, stays as it is. Whole numbers
    become floats, and lists tuples, where that is what a setting is declared to be.
    """
    changes, kinds = {}, declared(type(like))
    for f in dataclasses.fields(like):
        if f.name not in values:
            continue
        old, new = getattr(like, f.name), values[f.name]
        if _is_config(old):
            changes[f.name] = from_dict(new, old)
        elif _has_parts(old):
            changes[f.name] = tuple(
                from_dict(new[str(i)], part) if _is_config(part) else part
                for i, part in enumerate(old)
            )
        else:
            changes[f.name] = _as_declared(new, kinds[f.name])
    return dataclasses.replace(like, **changes)


def from_class(values: Mapping[str, Any], cls: type[T]) -> T:
    """Returns a dataclass with the values of a nested mapping, as `to_dict` gives it.

    Raises:
        KeyError, TypeError, AttributeError: they are not those of this class.
    """
    kinds = declared(cls)
    return cls(
        **{
            name: from_class(value, kinds[name])
            if dataclasses.is_dataclass(kinds[name])
            else _as_declared(value, kinds[name])
            for name, value in values.items()
            if name != "class"
        }
    )


def _as_declared(value: Any, declared: Any) -> Any:
    if declared is float and type(value) is int and abs(value) <= 2**53:  # beyond: not exact
        return float(value)
    if typing.get_origin(declared) is tuple and isinstance(value, list | tuple):
        kinds = typing.get_args(declared)
        if kinds[-1:] == (...,) or len(kinds) != len(value):
            kinds = kinds[:1] * len(value)
        return tuple(map(_as_declared, value, kinds))
    return value


def seconds(time: str) -> float | None:
    """Returns the length of a time like "5h", "90m", "1h30m" or "45s"; None if it is not one."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", time)
    if not parts or not any(parts.groups()):
        return None
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return 3600.0 * hours + 60 * minutes + rest

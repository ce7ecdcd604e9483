"""A config as settings by dotted key, and as nested dicts."""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any


def _is_config(value: Any) -> bool:
    # A class given in place of what it makes has no values.
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _has_parts(value: Any) -> bool:
    return isinstance(value, tuple | list) and any(map(_is_config, value))


def leaves(config: Any, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """Yields (dotted key, field, value) of every setting, depth first, in the order of declaration.

    What lies in a tuple of dataclasses has its index in the key: "stages.0.epochs".
    """
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if _is_config(value):
            yield from leaves(value, f"{prefix}{f.name}.")
        elif _has_parts(value):
            for i, part in enumerate(value):
                yield from leaves(part, f"{prefix}{f.name}.{i}.")
        else:
            yield f"{prefix}{f.name}", f, value


def to_dict(config: Any) -> Any:
    """Returns a dataclass as nested dicts; a tuple of dataclasses as a dict by index: "0", "1" ..."""
    if _is_config(config):
        return {f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if _has_parts(config):
        return {str(i): to_dict(part) for i, part in enumerate(config)}
    return config


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
    changes = {}
    for f in dataclasses.fields(like):
        if f.name not in values:
            continue
        old, new = getattr(like, f.name), values[f.name]
        if _is_config(old):
            changes[f.name] = from_dict(new, old)
        elif _has_parts(old):
            changes[f.name] = tuple(from_dict(new[str(i)], part) for i, part in enumerate(old))
        else:
            changes[f.name] = _as_declared(new, f.type)
    return dataclasses.replace(like, **changes)


def _as_declared(value: Any, declared: Any) -> Any:
    if declared is float and type(value) is int and abs(value) <= 2**53:  # beyond: not exact
        return float(value)
    if typing.get_origin(declared) is tuple and isinstance(value, list | tuple):
        return tuple(_as_declared(item, typing.get_args(declared)[0]) for item in value)
    return value


def seconds(time: str) -> float | None:
    """Returns the length of a time like "5h", "90m", "1h30m" or "45s"; None if it is not one."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", time)
    if not parts or not any(parts.groups()):
        return None
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return 3600.0 * hours + 60 * minutes + rest

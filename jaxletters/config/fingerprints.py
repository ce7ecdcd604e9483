"""What makes two runs the same experiment."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jaxletters.config import serialization
from jaxletters.config.parts import Slot, ours
from jaxletters.config.schema import Config, Experiment


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes two runs the same experiment: every setting that changes the numbers.

    Args:
        values: a config as a nested mapping, as `settings.to_dict` or config.json gives it.

    Returns:
        the values by dotted key, as JSON would give them back.
    """
    loose = tuple(_loose(Config()))
    # 10 and 10.0 are one number, so a config that says either is the same experiment.
    flat = serialization.flatten(_within(_plain(values)))
    return {
        k: v for k, v in flat.items() if not any(k == x or k.startswith(x + ".") for x in loose)
    }


def outside(part: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the settings of a part, as `settings.to_dict` gives it, that are not of its identity."""
    about = part.get("class")
    if isinstance(about, str):
        cls = ours(Slot).get(about)
        return serialization.outside(cls) if cls else ()
    return tuple(about.get("outside_identity", ())) if isinstance(about, Mapping) else ()


def _within(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config without the settings of its parts that are not of their identity."""
    left_out = outside(values)
    return {
        name: _within(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if name not in left_out
    }


def fingerprint(config: Experiment) -> str:
    """Returns the SHA-256 of a config's identity, as 64 hexadecimal digits."""
    return fingerprint_of(serialization.to_dict(config))


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Returns the fingerprint of a config as a nested mapping, such as the content of config.json."""
    text = json.dumps(identity(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _loose(config: Any, prefix: str = "") -> Iterator[str]:
    """Yields the dotted key of every setting outside of slots that changes no numbers, or of its part."""
    left_out = serialization.outside(type(config))
    for f in dataclasses.fields(config):
        key, value = f"{prefix}{f.name}", getattr(config, f.name)
        if f.name in left_out:
            yield key
        elif dataclasses.is_dataclass(value) and not isinstance(value, Slot):
            yield from _loose(value, f"{key}.")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values), parse_float=_whole_as_int)


def _whole_as_int(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number

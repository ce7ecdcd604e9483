"""What makes two runs the same experiment."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jaxletters.config import NOT_IDENTITY, Config


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes two runs the same experiment: every setting that changes the numbers.

    Args:
        values: a config as a nested mapping, as `dataclasses.asdict` or config.json gives it.

    Returns:
        the values by dotted key, as JSON would give them back.
    """
    loose = set(_loose_keys(Config()))
    # 10 and 10.0 are one number, so a config that says either is the same experiment.
    flat = _flatten(json.loads(json.dumps(values), parse_float=_whole_as_int))
    return {
        k: v for k, v in flat.items() if not any(k == x or k.startswith(x + ".") for x in loose)
    }


def fingerprint(config: Config) -> str:
    """Returns the SHA-256 of a config's identity, as 64 hexadecimal digits."""
    text = json.dumps(identity(dataclasses.asdict(config)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _loose_keys(config: Any, prefix: str = "") -> Iterator[str]:
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.metadata == NOT_IDENTITY:
            yield f"{prefix}{f.name}"
        elif dataclasses.is_dataclass(value):
            yield from _loose_keys(value, f"{prefix}{f.name}.")


def _whole_as_int(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat

"""What makes two runs the same experiment."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jaxletters import settings
from jaxletters.config import Config, Experiment


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes two runs the same experiment: every setting that changes the numbers.

    Args:
        values: a config as a nested mapping, as `settings.to_dict` or config.json gives it.

    Returns:
        the values by dotted key, as JSON would give them back.
    """
    loose = tuple(_loose(Config()))
    # 10 and 10.0 are one number, so a config that says either is the same experiment.
    flat = settings.flatten(_plain(values))
    return {
        k: v for k, v in flat.items() if not any(k == x or k.startswith(x + ".") for x in loose)
    }


def fingerprint(config: Experiment) -> str:
    """Returns the SHA-256 of a config's identity, as 64 hexadecimal digits."""
    return fingerprint_of(settings.to_dict(config))


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Returns the fingerprint of a config as a nested mapping, such as the content of config.json."""
    text = json.dumps(identity(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _loose(config: Any, prefix: str = "") -> Iterator[str]:
    """Yields the dotted key of every setting that changes no numbers, or of the part that holds it."""
    for f in dataclasses.fields(config):
        key, value = f"{prefix}{f.name}", getattr(config, f.name)
        if not f.metadata.get("identity", True):
            yield key
        elif dataclasses.is_dataclass(value):
            yield from _loose(value, f"{key}.")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values), parse_float=_whole_as_int)


def _whole_as_int(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number

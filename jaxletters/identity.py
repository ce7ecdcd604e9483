"""What makes two runs the same experiment."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jaxletters import settings
from jaxletters.config import ADDED, NOT_IDENTITY, Config, Experiment


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what makes two runs the same experiment: every setting that changes the numbers.

    Args:
        values: a config as a nested mapping, as `settings.to_dict` or config.json gives it.

    Returns:
        the values by dotted key, as JSON would give them back.
    """
    loose = _marked(Config(), NOT_IDENTITY)
    # 10 and 10.0 are one number, so a config that says either is the same experiment.
    flat = settings.flatten(_plain(values))
    added = _plain(_marked(Config(), ADDED))
    return {
        k: v
        for k, v in flat.items()
        if not any(k == x or k.startswith(x + ".") for x in loose)
        and not (k in added and v == added[k])
    }


def fingerprint(config: Experiment) -> str:
    """Returns the SHA-256 of a config's identity, as 64 hexadecimal digits."""
    return fingerprint_of(settings.to_dict(config))


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Returns the fingerprint of a config as a nested mapping, such as the content of config.json."""
    text = json.dumps(identity(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _marked(config: Any, mark: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the fields with a mark, by dotted key."""
    found = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.metadata == mark:
            found[f"{prefix}{f.name}"] = settings.to_dict(value)
        elif dataclasses.is_dataclass(value):
            found |= _marked(value, mark, f"{prefix}{f.name}.")
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values), parse_float=_whole_as_int)


def _whole_as_int(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number

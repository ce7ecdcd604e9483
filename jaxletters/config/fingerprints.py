"""The fingerprint of a config: two runs with the same fingerprint are the same experiment."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from jaxletters.config import serialization
from jaxletters.config.parts import Slot, builtin_parts
from jaxletters.config.schema import Config, Experiment


def fingerprint(config: Experiment) -> str:
    """Returns the SHA-256 of a config's identifying settings, as 64 hexadecimal digits."""
    return fingerprint_of(serialization.to_dict(config))


def fingerprint_of(values: Mapping[str, object]) -> str:
    """Returns the fingerprint of a config as a nested mapping, such as the content of config.json."""
    text = json.dumps(identifying_settings(values), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def identifying_settings(values: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings that change the numbers of a run, by dotted key, as JSON represents them.

    Args:
        values: a config as a nested mapping, as `serialization.to_dict` returns it or as in config.json.
    """
    # 10 and 10.0 are the same number, and so the same experiment.
    numbers_as_json = json.loads(json.dumps(values), parse_float=_whole_as_int)
    settings = serialization.flatten(_without_excluded(numbers_as_json))
    # The excluded settings have the same keys in every kind of experiment.
    excluded = serialization.excluded_settings(Config)
    return {
        key: value
        for key, value in settings.items()
        if not any(key == other or key.startswith(f"{other}.") for other in excluded)
    }


def excluded_settings(part: Mapping[str, object]) -> tuple[str, ...]:
    """Returns the settings of a part, as `serialization.to_dict` returns it, outside the fingerprint."""
    reference = part.get("class")
    if isinstance(reference, str):
        cls = builtin_parts(Slot).get(reference)
        return serialization.excluded_settings(cls) if cls else ()
    return (
        tuple(reference.get("outside_identity", ())) if serialization.is_mapping(reference) else ()
    )


def _without_excluded(
    values: Mapping[str, object], inherited: Sequence[str] = ()
) -> dict[str, object]:
    """Returns a config without the settings of its slots that are outside the fingerprint.

    Args:
        values: the config, or a part of it.
        inherited: further settings of the part that an enclosing slot excludes.
    """
    excluded = (*excluded_settings(values), *inherited)

    def inside(name: str) -> list[str]:
        return [key.removeprefix(f"{name}.") for key in excluded if key.startswith(f"{name}.")]

    return {
        name: _without_excluded(value, inside(name)) if serialization.is_mapping(value) else value
        for name, value in values.items()
        if name not in excluded
    }


def _whole_as_int(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number

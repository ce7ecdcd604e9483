"""Settings changed by their dotted keys, as on the command line."""

import ast
import collections
import dataclasses
import functools
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from jaxletters.config import builtin_sources, serialization, validation
from jaxletters.config.builtin_sources import BUILTIN
from jaxletters.config.schema import Experiment
from jaxletters.config.slots import Source
from jaxletters.config.sources import Arrays, ImageFolder
from jaxletters.core.errors import UserError, did_you_mean, printable
from jaxletters.runtime import files

T = TypeVar("T", bound=Experiment)

# Tell the path of a missing file of `Arrays` from the path of a missing folder.
_ARRAY_SUFFIXES = (".npz", ".npy", ".csv", ".mat", ".gz")
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def apply(config: T, words: Sequence[str]) -> T:
    """Returns the config with the settings of `--config.KEY=VALUE` or `--config.KEY VALUE`.

    Of several values for one key, the last one counts. `--config.dataset=NAME`, see `parse_dataset`, is
    applied before all others, which may set that dataset's settings.

    Raises:
        UserError: a word is not an override, or does not fit the config; a line for each.
    """
    config, words = _replace_dataset(config, words)
    types = {leaf.key: leaf.kind for leaf in serialization.leaves(config)}
    changes, problems = _split_words(words, types)
    for key, text in changes:
        try:
            config = _set(config, key, text)
        except (MemoryError, RecursionError, SyntaxError, TypeError, UserError, ValueError):
            expected = validation.type_name(types[key])
            problems.append(f"config.{key}: expected {expected}, found {text!r}")
    if problems:
        raise UserError("\n".join(problems))
    return config


def parse_dataset(text: str) -> Source:
    """Returns the dataset that a text names: built in, several of these with +, a folder or a file of arrays.

    Raises:
        UserError: the text is not the name of a dataset and looks like no path.
    """
    if (source := builtin_sources.by_name(text)) is not None:
        return source
    path = files.expand_user(text)
    # The path may not exist: a finished run does not need its data.
    if re.fullmatch(r"\w+", text) and not path.exists():
        raise UserError(
            f"config.dataset: expected a folder, a file or the name of a dataset, found {printable(text)!r}"
            f"{did_you_mean(text, BUILTIN)}; there are {', '.join(BUILTIN)}"
        )
    is_file = path.is_file() or (not path.is_dir() and path.suffix.lower() in _ARRAY_SUFFIXES)
    return Arrays(text) if is_file else ImageFolder(text)


def _replace_dataset(config: T, words: Sequence[str]) -> tuple[T, list[str]]:
    """Returns the config with the dataset that the words name, if any, and the remaining words."""
    rest = list(words)
    for i, word in enumerate(words):
        flag, equals, name = word.partition("=")
        if not re.fullmatch("--?config[.]dataset", flag) or not hasattr(config, "dataset"):
            continue
        if not equals and i + 1 < len(words) and not words[i + 1].startswith("--"):
            name = words[i + 1]
        if name:
            config = dataclasses.replace(cast(Any, config), dataset=parse_dataset(name))
            rest[i : i + 1 + (not equals)] = ()
            return _replace_dataset(config, rest)
    return config, rest


def _split_words(
    words: Sequence[str], types: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns the overrides as (key, text), and a message for every other word."""
    changes: list[tuple[str, str]] = []
    problems: list[str] = []
    rest = collections.deque(words)
    while rest:
        word = rest.popleft()
        flag, equals, text = word.partition("=")
        key = re.sub("^--?config[.]", "", flag)
        if key == flag:
            problems.append(_unknown_word(word, flag))
            continue
        if not equals and types.get(key) is bool:
            text = "true"
        elif not equals and rest and not rest[0].startswith("--"):
            text = rest.popleft()
        elif not equals:
            problems.append(f"config.{printable(key)}: expected a value; write --config.KEY=VALUE")
            continue
        if key in types:
            changes.append((key, text))
        else:
            problems.append(f"config.{printable(key)}: no such setting{did_you_mean(key, types)}")
    return changes, problems


def _unknown_word(word: str, flag: str) -> str:
    if word.startswith("-"):
        return f"{printable(word)}: unknown flag{did_you_mean(flag, ['--config', '--workdir'])}"
    return f"{printable(word)}: expected --config FILE, --workdir FOLDER or --config.KEY=VALUE"


def _set(config: T, key: str, text: str) -> T:
    """Returns the config with one setting changed; raises one of several errors if the text does not fit."""
    values = serialization.to_dict(config)
    *parents, name = key.split(".")
    part = functools.reduce(operator.getitem, parents, values)
    part[name] = _parse(text, part[name])
    changed = serialization.from_dict(values, config)
    validation.check_types(changed)
    return changed


def _parse(text: str, current: object) -> object:
    """Returns the value of a text, read as a value of the type that the setting has now."""
    match current:
        case bool():
            if text.lower() not in _BOOLEANS:
                raise ValueError(text)
            return _BOOLEANS[text.lower()]
        case int():
            return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
        case float():
            return float(text)
        case str():
            return text
        case tuple():
            return _parse_tuple(text)
        case _:
            return ast.literal_eval(text)


def _parse_tuple(text: str) -> tuple[object, ...]:
    """Returns the tuple that a text writes as in Python; another literal or a bare word is its only item."""
    value: object = text
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError) as error:
        if isinstance(error, SyntaxError) and re.search("[, ]", text):
            raise
    if isinstance(value, tuple | list | set | dict):
        return tuple(cast("Iterable[object]", value))
    return (value,)

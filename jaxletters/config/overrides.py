"""Settings changed by name, as on the command line."""

import collections
import dataclasses
import functools
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxletters.config import serialization, validation
from jaxletters.config.builtin_sources import BUILTIN
from jaxletters.config.schema import Experiment
from jaxletters.config.slots import Source
from jaxletters.config.sources import Arrays, ImageFolder
from jaxletters.config.validation import nearest
from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import files

T = TypeVar("T", bound=Experiment)


def apply(config: T, words: Sequence[str]) -> T:
    """Returns the config after `--config.KEY=VALUE` or `--config.KEY VALUE`; the last one of a key wins.

    `--config.dataset=NAME` is applied first: a folder of pictures, a file of arrays, or one of BUILTIN.

    Raises:
        UserError: a word is none of these, or does not fit the config; a line for each.
    """
    config, words = _other_dataset(config, words)
    types = {leaf.key: leaf.kind for leaf in serialization.leaves(config)}
    changes, problems = _read(words, types)
    for key, text in changes:
        try:
            config = _set(config, key, text)
        except (flags.Error, UserError, TypeError, ValueError, MemoryError, RecursionError):
            expected = validation.type_name(types[key])
            problems.append(f"config.{key}: expected {expected}, found {text!r}")
    if problems:
        raise UserError("\n".join(problems))
    return config


# Of the files of `Arrays`, by which a path of nothing is told from one of a folder.
_ARRAYS = (".npz", ".npy", ".csv", ".mat", ".gz")


def source(given: str) -> Source:
    """Returns the dataset of a name in BUILTIN, in a folder of pictures, or in a file of arrays.

    Raises:
        UserError: it is neither the name of a dataset nor the path of anything.
    """
    if given in BUILTIN:
        return BUILTIN[given]
    path = files.expand_user(given)
    # A path may be that of data that are gone, which a finished run does not need.
    if re.fullmatch(r"\w+", given) and not path.exists():
        raise UserError(
            f"config.dataset: expected a folder, a file or the name of a dataset, found {printable(given)!r}"
            f"{nearest(given, BUILTIN)}; there are {', '.join(BUILTIN)}"
        )
    is_file = path.is_file() or (not path.is_dir() and path.suffix.lower() in _ARRAYS)
    return Arrays(given) if is_file else ImageFolder(given)


def _other_dataset(config: T, words: Sequence[str]) -> tuple[T, list[str]]:
    """Returns the config with the dataset that the words name, if one does, and the other words."""
    rest = list(words)
    for i, word in enumerate(words):
        flag, equals, name = word.partition("=")
        if not re.fullmatch("--?config[.]dataset", flag) or not hasattr(config, "dataset"):
            continue
        if not equals and i + 1 < len(words) and not words[i + 1].startswith("--"):
            name = words[i + 1]
        if name:
            config = dataclasses.replace(cast(Any, config), dataset=source(name))
            rest[i : i + 1 + (not equals)] = ()
            return _other_dataset(config, rest)
    return config, rest


def _read(
    words: Sequence[str], types: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns the settings that the words give, as (key, text), and what is wrong with the others."""
    changes, problems = [], []
    rest = collections.deque(words)
    while rest:
        word = rest.popleft()
        flag, equals, text = word.partition("=")
        key = re.sub("^--?config[.]", "", flag)
        if key == flag:
            problems.append(_stray(word, flag))
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
            problems.append(f"config.{printable(key)}: no such setting{nearest(key, types)}")
    return changes, problems


def _stray(word: str, flag: str) -> str:
    if word.startswith("-"):
        return f"{printable(word)}: unknown flag{nearest(flag, ['--config', '--workdir'])}"
    return f"{printable(word)}: expected --config FILE, --workdir FOLDER or --config.KEY=VALUE"


def _set(config: T, key: str, text: str) -> T:
    """Returns the config with one setting changed; raises one of many errors if it does not fit."""
    changed = serialization.to_dict(config)
    *above, name = key.split(".")
    parent = functools.reduce(operator.getitem, above, changed)
    values = flags.FlagValues()
    # Under a name of ours, because those of a dict's methods cannot be set.
    argv = ["launch.py", f"--config.value={text}"]
    flag = config_flags.DEFINE_config_dict(
        "config", ConfigDict({"value": parent[name]}), flag_values=values, sys_argv=argv
    )
    values(argv)
    parent[name] = flag.value.to_dict()["value"]
    result = serialization.from_dict(changed, config)
    validation.check_types(result)
    return result

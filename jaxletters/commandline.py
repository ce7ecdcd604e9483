"""From the command line to a config: the config file, overrides, and what is wrong with either."""

import argparse
import collections
import dataclasses
import importlib.util
import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxletters import config as schema
from jaxletters import validation
from jaxletters.config import Config
from jaxletters.errors import UserError
from jaxletters.validation import nearest


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{_shown(message)}; see launch.py --help")


def parse(argv: Sequence[str]) -> tuple[Config, Path]:
    """Returns the config and the run folder that a command line asks for.

    Args:
        argv: the arguments after the program's name: `--config FILE`, any number of
            `--config.KEY=VALUE`, and optionally `--workdir FOLDER`.

    Raises:
        UserError: a config file that cannot be used, or overrides that do not fit it.
    """
    parser = _Parser(
        prog="launch.py",
        description="Train a handwriting network, or go on where a run was interrupted.",
        epilog="Any setting of the config can be overridden: --config.optimizer.learning_rate=3e-4",
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", type=Path, required=True, help=_known_configs())
    parser.add_argument(
        "--workdir",
        metavar="FOLDER",
        type=Path,
        help="the run folder (checkpoints/<config's name>)",
    )
    known, words = parser.parse_known_args(argv)
    config = _override(load(known.config), words)
    return config, known.workdir or Path("checkpoints") / known.config.stem


def load(file: Path) -> Config:
    """Returns what `get_config()` of a config file gives.

    Raises:
        UserError: there is no such file, it fails, or it does not define `get_config() -> Config`
            with a value of the right type for every setting.
    """
    name = _shown(str(file))
    if not file.is_file():
        candidates = [str(p) for p in Path("configs").glob("*.py")]
        raise UserError(
            f"{name}: no such config file{nearest(str(file), candidates)}; {_known_configs()}"
        )
    spec = importlib.util.spec_from_file_location(f"config_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UserError(
            f"{name}: expected a Python file that defines get_config(); {_known_configs()}"
        )
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config() if hasattr(module, "get_config") else None
    except Exception as error:
        raise UserError(f"{name}: {_blame(error, str(spec.origin))}") from error
    if not isinstance(config, Config):
        raise UserError(
            f"{name}: expected get_config() to return a jaxletters.config.Config, found "
            f"{type(config).__name__}; configs/quickstart.py is an example"
        )
    validation.check_types(config)
    return schema.from_dict(dataclasses.asdict(config), config)


def _known_configs() -> str:
    names = sorted(str(p) for p in Path("configs").glob("*.py"))
    return f"there are: {', '.join(names)}" if names else "run from the folder that holds configs/"


def _blame(error: Exception, file: str) -> str:
    """Which line of a config file an error comes from, and what it says."""
    if isinstance(error, SyntaxError):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == file), None)
    text = str(error)
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    names = {key.rpartition(".")[2] for key, _, _ in schema.leaves(Config())}
    hint = nearest(unexpected[1], names) if unexpected else ""
    return f"line {line}: {type(error).__name__}: {_shown(text)}{hint}; mend the file"


def _shown(text: str) -> str:
    """The text on one line, whatever is in it."""
    return text if text.isprintable() else repr(text)


def _override(config: Config, words: Sequence[str]) -> Config:
    """Applies `--config.KEY=VALUE` or `--config.KEY VALUE`; the last one of a key wins."""
    types = {key: field.type for key, field, _ in schema.leaves(config)}
    settings, problems = _read(words, types)
    for key, text in settings:
        try:
            config = _set(config, key, text)
        except (flags.Error, UserError, TypeError, ValueError, MemoryError, RecursionError):
            expected = validation.type_name(types[key])
            problems.append(f"config.{key}: expected {expected}, found {text!r}")
    if problems:
        raise UserError("\n".join(problems))
    return config


def _read(
    words: Sequence[str], types: Mapping[str, Any]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Returns the settings that the words give, as (key, text), and what is wrong with the others."""
    settings, problems = [], []
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
            problems.append(f"config.{_shown(key)}: expected a value; write --config.KEY=VALUE")
            continue
        if key in types:
            settings.append((key, text))
        else:
            problems.append(f"config.{_shown(key)}: no such setting{nearest(key, types)}")
    return settings, problems


def _stray(word: str, flag: str) -> str:
    if word.startswith("-"):
        return f"{_shown(word)}: unknown flag{nearest(flag, ['--config', '--workdir'])}"
    return f"{_shown(word)}: expected --config FILE, --workdir FOLDER or --config.KEY=VALUE"


def _set(config: Config, key: str, text: str) -> Config:
    """Returns the config with one setting changed; raises one of many errors if it does not fit."""
    values = flags.FlagValues()
    argv = ["launch.py", f"--config.{key}={text}"]
    flag = config_flags.DEFINE_config_dict(
        "config", ConfigDict(dataclasses.asdict(config)), flag_values=values, sys_argv=argv
    )
    values(argv)
    changed = schema.from_dict(flag.value.to_dict(), config)
    validation.check_types(changed)
    return changed

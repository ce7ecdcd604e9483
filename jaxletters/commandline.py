"""From the command line to a config: the config file, overrides, and what is wrong with either."""

import argparse
import dataclasses
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxletters import config as schema
from jaxletters.config import Config
from jaxletters.errors import UserError
from jaxletters.validation import nearest


def parse(argv: Sequence[str]) -> tuple[Config, Path]:
    """Returns the config and the run folder that a command line asks for.

    Args:
        argv: the arguments after the program's name: `--config FILE`, any number of
            `--config.KEY=VALUE`, and optionally `--workdir FOLDER`.

    Raises:
        UserError: a config file that cannot be used, or an override that does not fit it.
    """
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description="Train a handwriting network, or go on where a run was interrupted.",
        epilog="Any setting of the config can be overridden: --config.optimizer.learning_rate=3e-4",
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", type=Path, required=True, help=_known_configs())
    parser.add_argument(
        "--workdir", metavar="FOLDER", type=Path, help="the run folder (checkpoints/<config's name>)"
    )
    known, overrides = parser.parse_known_args(argv)
    config = _override(load(known.config), overrides)
    return config, known.workdir or Path("checkpoints") / known.config.stem


def load(file: Path) -> Config:
    """Returns what `get_config()` of a config file gives.

    Raises:
        UserError: there is no such file, or it does not define `get_config() -> Config`.
    """
    if not file.is_file():
        candidates = [str(p) for p in Path("configs").glob("*.py")]
        raise UserError(f"{file}: no such config file{nearest(str(file), candidates)}; {_known_configs()}")
    spec = importlib.util.spec_from_file_location(f"config_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UserError(f"{file}: expected a Python file that defines get_config(); {_known_configs()}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config() if hasattr(module, "get_config") else None
    if not isinstance(config, Config):
        raise UserError(
            f"{file}: expected get_config() to return a jaxletters.config.Config, found "
            f"{type(config).__name__}; configs/quickstart.py is an example"
        )
    return config


def _known_configs() -> str:
    names = sorted(str(p) for p in Path("configs").glob("*.py"))
    return f"there are: {', '.join(names)}" if names else "run from the folder that holds configs/"


def _override(config: Config, overrides: Sequence[str]) -> Config:
    """Applies `--config.KEY=VALUE` with ml_collections, after a look at what it would not explain."""
    keys = [key for key, _, _ in schema.leaves(config)]
    problems = []
    for word in overrides:
        name = re.match(r"--?config\.([^=]+)", word)
        if name is None and word.startswith("-"):
            problems.append(f"{word}: unknown flag{nearest(word, ['--config', '--workdir'])}")
        elif name is None and not _is_value(word, overrides):
            problems.append(f"{word}: expected --config FILE, --workdir FOLDER or --config.KEY=VALUE")
        elif name is not None and name[1] not in keys:
            problems.append(f"config.{name[1]}: no such setting{nearest(name[1], keys)}")
    if problems:
        raise UserError("\n".join(problems))
    values = flags.FlagValues()
    argv = ["launch.py", *overrides]
    config_flags.DEFINE_config_dict(
        "config", ConfigDict(dataclasses.asdict(config)), flag_values=values, sys_argv=argv
    )
    try:
        values(argv)
    except (flags.Error, TypeError, ValueError) as error:
        text = str(error).splitlines()[0].removeprefix("flag --")
        raise UserError(f"{text}; see the setting's type in jaxletters/config.py") from error
    return schema.from_dict(values["config"].value.to_dict(), config)


def _is_value(word: str, overrides: Sequence[str]) -> bool:
    """Whether a bare word is the value of `--config.KEY VALUE`."""
    before = overrides[overrides.index(word) - 1] if overrides.index(word) else ""
    return before.startswith("-") and "=" not in before

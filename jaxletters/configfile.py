"""Config files: Python that defines `get_config()`."""

import hashlib
import importlib.util
import os
import re
import sys
import traceback
from pathlib import Path

from jaxletters import settings, validation
from jaxletters.config import Config, Experiment
from jaxletters.errors import UserError, shown
from jaxletters.validation import nearest


def load(file: Path) -> Experiment:
    """Returns what `get_config()` of a config file gives.

    Raises:
        UserError: there is no such file, it fails, or it does not define `get_config()`
            with a value of the right type for every setting.
    """
    name = shown(str(file))
    if not file.is_file():
        candidates = [str(p) for p in Path("configs").glob("*.py")]
        raise UserError(f"{name}: no such config file{nearest(str(file), candidates)}; {known()}")
    spec = importlib.util.spec_from_file_location(_module_name(file), file)
    if spec is None or spec.loader is None:
        raise UserError(f"{name}: expected a Python file that defines get_config(); {known()}")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, type hints and pickle look up the module of a class by its name, now and later.
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        config = module.get_config() if hasattr(module, "get_config") else None
    # SystemExit is what a script says when it is run.
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[spec.name]
        else:
            sys.modules[spec.name] = before
        raise UserError(f"{name}: {_blame(error, str(spec.origin))}") from error
    if not validation.is_experiment(config):
        raise UserError(
            f"{name}: expected get_config() to return a Config or another of jaxletters.config, found "
            f"{type(config).__name__}; configs/quickstart.py is an example"
        )
    return validation.conformed(config)


def _module_name(file: Path) -> str:
    """Returns a name that no other file has, so that files of one name do not replace each other."""
    where = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:16]
    # Pickle takes a dot for a package.
    stem = re.sub(r"\W", "_", file.stem)
    return f"jaxletters_config_{stem}_{where}"


def known() -> str:
    """Returns which config files there are, for a message."""
    names = sorted(str(p) for p in Path("configs").glob("*.py"))
    return f"there are: {', '.join(names)}" if names else "run from the folder that holds configs/"


def _blame(error: BaseException, file: str) -> str:
    """Which line of a config file an error comes from, if one does, and what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == file), None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    where = f"line {line}: " if line else ""
    text = str(error)
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    hint = ""
    # CPython 3.13 says itself which argument may be meant, and knows the function that was called.
    if unexpected and "Did you mean" not in text:
        names = {key.rpartition(".")[2] for key, _, _ in settings.leaves(Config())}
        hint = nearest(unexpected[1], names)
    return f"{where}{type(error).__name__}: {shown(text)}{hint}; mend the file"

"""Config files: Python that defines `get_config()`."""

import re
import traceback
from pathlib import Path

from jaxletters.config import serialization, user_code, validation
from jaxletters.config.parts import Slot
from jaxletters.config.schema import Config, Experiment
from jaxletters.config.validation import nearest
from jaxletters.core.errors import UserError, printable


def load(file: Path) -> Experiment:
    """Returns what `get_config()` of a config file gives.

    Raises:
        UserError: there is no such file, it fails, or it does not define `get_config()`
            with a value of the right type for every setting.
    """
    name = printable(str(file))
    if not file.is_file():
        candidates = [str(p) for p in Path("configs").glob("*.py")]
        raise UserError(f"{name}: no such config file{nearest(str(file), candidates)}; {known()}")
    if file.suffix != ".py":
        raise UserError(f"{name}: expected a Python file that defines get_config(); {known()}")
    try:
        module = user_code.execute(file)
        with user_code.beside(file):
            config = module.get_config() if hasattr(module, "get_config") else None
    # SystemExit is what a script says when it is run.
    except (Exception, SystemExit) as error:
        raise UserError(f"{name}: {_blame(error, str(file.resolve()))}") from error
    if not validation.is_experiment(config):
        raise UserError(
            f"{name}: expected get_config() to return a Config or another of jaxletters.config.schema, found "
            f"{type(config).__name__}; configs/quickstart.py is an example"
        )
    user_code.identify(config)
    return validation.conformed(config)


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
        names = {leaf.key.rpartition(".")[2] for leaf in serialization.leaves(Config())}
        hint = nearest(unexpected[1], names)
    # What an undecorated class inherits takes no settings.
    if text.startswith(tuple(f"{slot.__name__}.__init__()" for slot in Slot.__subclasses__())):
        hint = "; is its class decorated with @dataclasses.dataclass(frozen=True)?"
    return f"{where}{type(error).__name__}: {printable(text)}{hint}; mend the file"

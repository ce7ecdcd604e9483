"""Config files: Python files that define `get_config()`."""

import re
import traceback
from pathlib import Path

from jaxletters.config import serialization, user_code, user_modules, validation
from jaxletters.config.parts import Slot
from jaxletters.config.schema import Config, Experiment
from jaxletters.core.errors import UserError, did_you_mean, printable


def load(file: Path | str) -> Experiment:
    """Returns the config that `get_config()` of a config file returns; imports neither JAX nor Flax itself.

    A config file may call it to build on another config file:

        base = jl.load_config(Path(__file__).with_name("emnist_deeper.py"))

    Raises:
        UserError: the file does not exist, fails, or does not define a `get_config()` that returns a config
            with a value of the right type for every setting.
    """
    file = Path(file)
    name = printable(str(file))
    if not file.is_file():
        candidates = [str(p) for p in Path("configs").glob("*.py")]
        hint = did_you_mean(str(file), candidates)
        raise UserError(f"{name}: no such config file{hint}; {available()}")
    if file.suffix != ".py":
        raise UserError(f"{name}: expected a Python file that defines get_config(); {available()}")
    try:
        module = user_modules.execute(file)
        with user_modules.import_neighbours(file):
            config = module.get_config() if hasattr(module, "get_config") else None
    # A script may call sys.exit().
    except (Exception, SystemExit) as error:
        raise UserError(f"{name}: {_describe(error, str(file.resolve()))}") from error
    if not validation.is_experiment(config):
        raise UserError(
            f"{name}: expected get_config() to return a Config or another class of "
            f"jaxletters.config.schema, found {type(config).__name__}; configs/quickstart.py is an example"
        )
    user_code.attach_code(config)
    return validation.coerce(config)


def available() -> str:
    """Returns the list of config files in `configs/` as a phrase of a message."""
    names = sorted(str(p) for p in Path("configs").glob("*.py"))
    return f"there are: {', '.join(names)}" if names else "run from the folder that holds configs/"


def _describe(error: BaseException, file: str) -> str:
    """Returns the message of an error and the line of the config file that it comes from, if any."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == file), None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    where = f"line {line}: " if line else ""
    return f"{where}{type(error).__name__}: {printable(str(error))}{_hint(str(error))}; correct the file"


def _hint(message: str) -> str:
    """Returns a suggestion for an error of a dataclass's constructor, or an empty string."""
    # A class without the decorator has the constructor of its base class, which takes no settings.
    if message.startswith(tuple(f"{slot.__name__}.__init__()" for slot in Slot.__subclasses__())):
        return "; is its class decorated with @dataclasses.dataclass(frozen=True)?"
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", message)
    # From version 3.13 on CPython suggests an argument itself, and it knows the called function.
    if unexpected and "Did you mean" not in message:
        names = {leaf.key.rpartition(".")[2] for leaf in serialization.leaves(Config())}
        return did_you_mean(unexpected[1], names)
    return ""

"""The finished run that another experiment begins with, or tests on other data."""

from pathlib import Path

from jaxletters import trained, workdir
from jaxletters.config import BaseConfig
from jaxletters.errors import UserError
from jaxletters.trained import Trained


def folder_of(config: BaseConfig) -> Path:
    """Returns the folder in which the base's run lies, or would lie."""
    return Path(config.workdir or workdir.default(Path(config.config)))


def load(config: BaseConfig) -> Trained:
    """Returns the finished run that `config` names; nothing of it is changed.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    folder = folder_of(config)
    if workdir.result(folder) is None:
        elsewhere = f" --workdir {config.workdir}" if config.workdir else ""
        raise UserError(
            f"config.base: expected a finished run in {folder}, found none; train it first: "
            f"python launch.py --config {config.config}{elsewhere}"
        )
    return trained.load(folder)

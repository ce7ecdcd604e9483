"""The finished run that another experiment begins with, or tests on other data."""

from pathlib import Path
from typing import Any

from jaxletters import files, trained, workdir
from jaxletters.config import BaseConfig
from jaxletters.errors import UserError
from jaxletters.trained import Trained


def folder_of(config: BaseConfig) -> Path:
    """Returns the folder in which the base's run lies, or would lie."""
    return files.expanded(config.workdir or workdir.default(Path(config.config)))


def check_unchanged(config: BaseConfig, finished: dict[str, Any], folder: Path) -> None:
    """Looks whether a finished run began with its base as it is now; a base that is gone cannot tell.

    Args:
        config: the base that the run names, if any.
        finished: the run's result.
        folder: the run's folder.

    Raises:
        UserError: the base has been trained anew, as another config.
    """
    now = workdir.result(folder_of(config)) if config.config else None
    if now is not None and finished["base"]["fingerprint"] != now["fingerprint"]:
        raise UserError(
            f"{folder}: expected what begins with the run in {finished['base']['folder']} as its config is "
            "now, found what began with it as it was; remove the folder to run it anew"
        )


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

"""The finished run that another experiment begins with, or tests on other data."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxletters.config.schema import BaseConfig
from jaxletters.core.errors import UserError
from jaxletters.evaluation.result import BaseRun, Result
from jaxletters.runs import manifest, restore, workdir
from jaxletters.runs.manifest import Seen
from jaxletters.runs.restore import Trained
from jaxletters.runtime import files


class Base(NamedTuple):
    """A finished run that another experiment begins with.

    Attributes:
        run: the run, with its weights.
        facts: what identifies it, ready for JSON.
        trained_on: what its weights have learned from.
        seen: the images that its weights depend on.
    """

    run: Trained
    facts: BaseRun
    trained_on: list[dict[str, Any]]
    seen: Seen


def folder_of(config: BaseConfig) -> Path:
    """Returns the folder in which the base's run lies, or would lie."""
    return files.expand_user(config.workdir or workdir.default(Path(config.config)))


def now(config: BaseConfig) -> BaseRun | None:
    """Returns what identifies a base as it is now; None without one, or where it is gone."""
    if not config.config or (result := workdir.result(folder_of(config))) is None:
        return None
    return _facts(folder_of(config), result)


def load(config: BaseConfig, home: Path) -> Base:
    """Returns the finished run that `config` names; nothing of it is changed.

    Args:
        config: the base.
        home: the folder of the run that begins with it.

    Raises:
        UserError: there is none, it cannot be read, or `home` holds a run that began with other weights.
    """
    folder = folder_of(config)
    if (result := workdir.result(folder)) is None:
        elsewhere = f" --workdir {config.workdir}" if config.workdir else ""
        raise UserError(
            f"config.base: expected a finished run in {folder}, found none; train it first: "
            f"python launch.py --config {config.config}{elsewhere}"
        )
    manifest.check_base(home, _facts(folder, result))
    run = restore.load(folder)
    its = manifest.read(folder)
    return Base(run, _facts(folder, run.result), its.trained_on, manifest.read_seen(folder, its))


def check_unseen(base: Base, what: str, hashes: np.ndarray, also_validated: bool = True) -> None:
    """Compares examples to be evaluated with those that a base's weights depend on.

    Args:
        base: the run that the weights come from.
        what: the examples, for the message: "test", "validation".
        hashes: uint64 `[n]`, of their images.
        also_validated: whether the base may not have chosen its best weights by any of them either.

    Raises:
        UserError: the base has learned from some of them.
    """
    trained = int(np.isin(hashes, base.seen.trained, kind="sort").sum())
    validated = (
        int(np.isin(hashes, base.seen.validated, kind="sort").sum()) if also_validated else 0
    )
    if not trained and not validated:
        return
    uses = []
    if trained:
        uses.append(f"{trained:,} of {len(hashes):,} {what} examples were trained on by the base")
    if validated:
        uses.append(f"its best weights were chosen by {validated:,} of the {what} examples")
    raise UserError(
        f"config.base: expected a network that has not seen the {what} examples, found that "
        f"{' and '.join(uses)} ({base.run.folder}); name a base that was trained on other examples, or "
        "evaluate on others"
    )


def _facts(folder: Path, result: Result) -> BaseRun:
    return {
        "folder": str(folder),
        "fingerprint": result.get("fingerprint"),
        "weights": result.get("weights"),
    }

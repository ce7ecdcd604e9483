"""The base of an experiment: the finished run that provides its weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.config.schema import BaseConfig
from jaxletters.core.errors import UserError
from jaxletters.evaluation.result import BaseRun, Result
from jaxletters.runs import consistency, manifest, restore, seen_images, workdir
from jaxletters.runs.manifest import TrainedOn
from jaxletters.runs.restore import TrainedRun
from jaxletters.runs.seen_images import SeenImages
from jaxletters.runtime import files


class Base(NamedTuple):
    """A finished run that provides the weights of another experiment.

    Attributes:
        run: the run, with its weights.
        identity: the run's folder and fingerprints, as results and manifests store them.
        trained_on: the datasets that the weights were trained on.
        seen: the images that the weights depend on, by training or by the choice of the best weights.
    """

    run: TrainedRun
    identity: BaseRun
    trained_on: list[TrainedOn]
    seen: SeenImages


def folder_of(config: BaseConfig) -> Path:
    """Returns the run folder of a base, whether or not it exists."""
    return files.expand_user(config.workdir or workdir.default(Path(config.config)))


def current(config: BaseConfig) -> BaseRun | None:
    """Returns the identity of the base as it is now; None without a base, or if its folder is gone."""
    if not config.config or (result := workdir.result(folder_of(config))) is None:
        return None
    return _identity(folder_of(config), result)


def load(config: BaseConfig, home: Path) -> Base:
    """Loads the finished run that `config` names, without changing anything in its folder.

    Args:
        config: the base.
        home: the folder of the experiment that uses the base.

    Raises:
        UserError: the base does not exist or cannot be read, or the run in `home` started with other weights.
    """
    folder = folder_of(config)
    if (result := workdir.result(folder)) is None:
        option = f" --workdir {config.workdir}" if config.workdir else ""
        raise UserError(
            f"config.base: expected a finished run in {folder}, found no result; train it first: "
            f"python launch.py --config {config.config}{option}"
        )
    consistency.check_base(home, _identity(folder, result))
    return of_run(folder)


def of_run(folder: Path) -> Base:
    """Returns a finished run as a base, without changing anything in its folder.

    Raises:
        UserError: there is no finished run, or it cannot be read.
    """
    run = restore.load(folder)
    stored = manifest.load(folder)
    seen = seen_images.load(folder, stored.examples)
    return Base(run, _identity(folder, run.result), stored.trained_on, seen)


def check_unseen(base: Base, split: str, hashes: np.ndarray, also_validated: bool = True) -> None:
    """Raises a UserError if the weights of a base depend on examples that are to be evaluated.

    Args:
        base: the run that provides the weights.
        split: the name of the examples in the message: "test", "validation".
        hashes: uint64 `[n]`, of their images.
        also_validated: whether the base's validation examples count as seen, besides its training examples.
    """

    def count_seen(seen: np.ndarray) -> int:
        return int(np.isin(hashes, seen, kind="sort").sum())

    trained = count_seen(base.seen.trained)
    validated = count_seen(base.seen.validated) if also_validated else 0
    if not trained and not validated:
        return
    uses: list[str] = []
    if trained:
        uses.append(f"{trained:,} of {len(hashes):,} {split} examples were trained on by the base")
    if validated:
        uses.append(f"its best weights were chosen by {validated:,} of the {split} examples")
    raise UserError(
        f"config.base: expected a network that has not seen the {split} examples, found that "
        f"{' and '.join(uses)} ({base.run.folder}); name a base that was trained on other examples, or "
        "evaluate on others"
    )


def _identity(folder: Path, result: Result) -> BaseRun:
    return {
        "folder": str(folder),
        "fingerprint": result.get("fingerprint"),
        "weights": result.get("weights"),
    }

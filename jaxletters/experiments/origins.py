"""The finished runs that an experiment uses: the base of its weights, the teacher of its network."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.config.schema import Config, SeedsConfig, StudyConfig, ZeroShotConfig
from jaxletters.config.training import Distillation, FinishedRun
from jaxletters.core.errors import UserError
from jaxletters.data import selection
from jaxletters.evaluation.result import BaseRun, Result
from jaxletters.runs import consistency, manifest, restore, seen_images, workdir
from jaxletters.runs.manifest import TrainedOn
from jaxletters.runs.restore import TrainedRun
from jaxletters.runs.seen_images import SeenImages
from jaxletters.runtime import files

BASE, TEACHER = "base", "loss.teacher"
"""The settings that name such runs."""


class Origin(NamedTuple):
    """A finished run that the weights of another experiment depend on.

    Attributes:
        setting: the setting that names it: BASE or TEACHER.
        run: the run, with its weights.
        identity: the run's folder and fingerprints, as results and manifests store them.
        trained_on: the datasets that the weights were trained on.
        seen: the images that the weights depend on, by training or by the choice of the best weights.
    """

    setting: str
    run: TrainedRun
    identity: BaseRun
    trained_on: list[TrainedOn]
    seen: SeenImages


def named_in(config: Config | ZeroShotConfig | StudyConfig) -> dict[str, FinishedRun]:
    """Returns the finished runs that a config names, by setting."""
    if isinstance(config, StudyConfig):
        return {}
    named: dict[str, FinishedRun] = {BASE: config.base}
    if isinstance(config, Config) and isinstance(config.loss, Distillation):
        named[TEACHER] = config.loss.teacher
    return {setting: run for setting, run in named.items() if run.is_named}


def accepted(config: Config | ZeroShotConfig, setting: str) -> tuple[type[Config], ...]:
    """Returns the kinds of experiments that a setting may name.

    Initial weights must be those of one network; several networks can teach, or be tested.
    """
    return (Config,) if setting == BASE and isinstance(config, Config) else (Config, SeedsConfig)


def relocated(
    config: Config | ZeroShotConfig, folder_of_file: Callable[[str], Path]
) -> Config | ZeroShotConfig:
    """Returns a config with other folders for the finished runs that it names, from their config files."""

    def workdir_of(run: FinishedRun) -> str:
        return str(folder_of_file(run.config)) if run.config else run.workdir

    base = dataclasses.replace(config.base, workdir=workdir_of(config.base))
    if not isinstance(config, Config) or not isinstance(config.loss, Distillation):
        return dataclasses.replace(config, base=base)
    teacher = config.loss.teacher
    teacher = dataclasses.replace(teacher, workdir=workdir_of(teacher))
    loss = dataclasses.replace(config.loss, teacher=teacher)
    return dataclasses.replace(config, base=base, loss=loss)


def folder_of(run: FinishedRun) -> Path:
    """Returns the folder of a finished run, whether or not it exists."""
    return files.expand_user(run.workdir or workdir.default(Path(run.config)))


def current(config: Config | ZeroShotConfig | StudyConfig) -> dict[str, BaseRun | None]:
    """Returns the identities of the origins as they are now, by setting; None for one that is gone."""
    identities: dict[str, BaseRun | None] = {}
    for setting, run in named_in(config).items():
        result = workdir.result(folder := folder_of(run))
        identities[setting] = None if result is None else _identity(folder, result)
    return identities


def load(config: Config | ZeroShotConfig, setting: str, home: Path) -> Origin | None:
    """Loads the finished run that a setting names, without changing anything in its folder.

    Args:
        config: the experiment.
        setting: BASE or TEACHER.
        home: the folder of the experiment.

    Returns:
        the run; None if the config names no run there.

    Raises:
        UserError: the run does not exist or cannot be read, or the experiment in `home` started with other
            weights.
    """
    if (named := named_in(config).get(setting)) is None:
        return None
    folder = folder_of(named)
    if (result := workdir.result(folder)) is None:
        option = f" --workdir {named.workdir}" if named.workdir else ""
        command = f": python launch.py --config {named.config}{option}" if named.config else ""
        raise UserError(
            f"config.{setting}: expected a finished run in {folder}, found no result; train it first{command}"
        )
    consistency.check_origin(home, setting, _identity(folder, result))
    is_single = accepted(config, setting) == (Config,)
    try:
        return of_run(folder, setting, restore.load if is_single else restore.load_any)
    except UserError as error:
        raise UserError(f"config.{setting}: {error}") from error


def of_run(
    folder: Path,
    setting: str = BASE,
    load_run: Callable[[Path], TrainedRun] = restore.load,
) -> Origin:
    """Returns a finished run as the origin of another, without changing anything in its folder.

    Args:
        folder: its run folder.
        setting: BASE or TEACHER.
        load_run: returns the run in a folder.

    Raises:
        UserError: there is no finished run, or it cannot be read.
    """
    run = load_run(folder)
    stored = manifest.load(folder)
    seen = seen_images.load(folder, stored.examples)
    return Origin(setting, run, _identity(folder, run.result), stored.trained_on, seen)


def same_division(origin: Origin) -> str:
    """Returns how a run of one network can hold out the examples that an origin has held out."""
    seed = selection.seed_of(origin.run.split, origin.run.seed)
    return (
        "hold out the same ones as that run: set config.split like its own, and "
        f"config.split.seed={seed}"
    )


def check_unseen(
    origin: Origin,
    split: str,
    hashes: np.ndarray,
    also_validated: bool = True,
    advice: str = "evaluate on others",
) -> None:
    """Raises a UserError if the weights of an origin depend on examples that are to be evaluated.

    Args:
        origin: the finished run.
        split: the name of the examples in the message: "test", "validation".
        hashes: uint64 `[n]`, of their images.
        also_validated: whether the run's validation examples count as seen, besides its training examples.
        advice: what a user can do instead of naming another run.
    """

    def count_seen(seen: np.ndarray) -> int:
        return int(np.isin(hashes, seen, kind="sort").sum())

    trained = count_seen(origin.seen.trained)
    validated = count_seen(origin.seen.validated) if also_validated else 0
    if not trained and not validated:
        return
    uses: list[str] = []
    if trained:
        name = origin.setting.rpartition(".")[2]
        uses.append(
            f"{trained:,} of {len(hashes):,} {split} examples were trained on by the {name}"
        )
    if validated:
        uses.append(f"its best weights were chosen by {validated:,} of the {split} examples")
    raise UserError(
        f"config.{origin.setting}: expected a network that has not seen the {split} examples, found that "
        f"{' and '.join(uses)} ({origin.run.folder}); name one that was trained on other examples, or "
        f"{advice}"
    )


def _identity(folder: Path, result: Result) -> BaseRun:
    return {
        "folder": str(folder),
        "fingerprint": result.get("fingerprint"),
        "weights": result.get("weights"),
    }

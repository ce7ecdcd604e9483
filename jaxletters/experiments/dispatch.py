"""The dispatch of an experiment to the function that runs its kind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxletters.config import user_code, validation
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    Experiment,
    SeedsConfig,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.config.training import CheckpointConfig
from jaxletters.data import datasets
from jaxletters.evaluation.result import Result
from jaxletters.experiments import crossval, fitting, seeds, study, sweep, train, zero_shot
from jaxletters.runs import lock, mirror, workdir
from jaxletters.runs.disk import Disk
from jaxletters.runtime import console, programs, sharding

_RUN: dict[type[Experiment], Callable[[Any, Path], Result]] = {
    Config: train.run,
    CrossvalConfig: crossval.run,
    SeedsConfig: seeds.run,
    SweepConfig: sweep.run,
    ZeroShotConfig: zero_shot.run,
}


def check(config: Experiment) -> None:
    """Checks the settings of an experiment before anything is loaded or run.

    Raises:
        UserError: a problem that the user can correct.
    """
    mesh = sharding.data_mesh()
    if isinstance(config, SweepConfig):
        sweep.trials(config)
        return
    validation.check(config, mesh.size)
    if isinstance(config, CrossvalConfig):
        fitting.check(config, datasets.info(config.dataset))
    elif isinstance(config, Config):
        train.check(config, datasets.info(config.dataset))


def run(config: Experiment, folder: Path) -> Result:
    """Runs an experiment in a folder, or continues it; returns the content of its `result.json`.

    In a run of several processes all call it; the first one runs the experiment.

    Training continues while the disk is away. Other work that fails because of the disk starts again when
    the disk is back, as if the user repeated the command.

    Raises:
        UserError: a problem that the user can correct.
        Interrupted: a signal asked to stop, or the disk was away for too long; the same call continues the
            experiment.
    """
    return programs.run(lambda: _hold_and_run(config, folder))


def _hold_and_run(config: Experiment, folder: Path) -> Result:
    validation.check_types(config)
    user_code.attach_code(config)
    checkpoint = config.checkpoint if isinstance(config, Config) else CheckpointConfig()
    with lock.hold(folder), mirror.maintain(folder, config, checkpoint, console.notice):
        if lock.held_file(folder) is None:
            # The folder is read-only or not a run folder; waiting would not change that.
            return _run(config, folder)
        disk = Disk(folder, checkpoint.give_up_after, console.notice)
        return disk.retry(lambda: _run(config, folder), lambda: "all checkpoints there are kept")


def _run(config: Experiment, folder: Path) -> Result:
    if isinstance(config, StudyConfig):
        result = study.run(config, folder, check, _hold_and_run)
    else:
        result = _RUN[type(config)](config, folder)
    if workdir.result(folder) is None:
        # The experiment finished, so only a disk that went away explains a missing result.
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(folder))
    return result

"""Which function runs which kind of experiment."""

import errno
import os
from pathlib import Path

from jaxletters.config import user_code, validation
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    Experiment,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.config.training import CheckpointConfig
from jaxletters.data import datasets
from jaxletters.evaluation.result import Result
from jaxletters.experiments import crossval, fitting, study, sweep, train, zero_shot
from jaxletters.runs import lock, mirror, workdir
from jaxletters.runs.disk import Disk
from jaxletters.runtime import console, sharding

_RUN = {
    Config: train.run,
    CrossvalConfig: crossval.run,
    SweepConfig: sweep.run,
    ZeroShotConfig: zero_shot.run,
}


def check(config: Experiment) -> None:
    """Finds what is wrong with an experiment that can be found before anything is read or run.

    Raises:
        UserError: what the user must mend.
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
    """Runs an experiment in a folder, or goes on with it; returns the content of its `result.json`.

    Training continues while the disk is away. Whatever else fails for that reason is run again once
    the disk is back, which is what the same command would do.

    Raises:
        UserError: what the user must mend.
        Interrupted: a signal asked to stop, or the disk was away for too long; the same call goes on from
            there.
    """
    validation.check_types(config)
    user_code.attach_code(config)
    saving = config.checkpoint if isinstance(config, Config) else CheckpointConfig()
    with lock.hold(folder), mirror.kept(folder, config, saving, console.notice):
        if lock.held_file(folder) is None:
            # Nothing may be written there, or it is not a run's folder: nothing that comes back.
            return _run(config, folder)
        disk = Disk(folder, saving.give_up_after, console.notice)
        return disk.insist(lambda: _run(config, folder), lambda: "all checkpoints there are kept")


def _run(config: Experiment, folder: Path) -> Result:
    if isinstance(config, StudyConfig):
        result = study.run(config, folder, check, run)
    else:
        result = _RUN[type(config)](config, folder)
    if workdir.result(folder) is None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(folder))
    return result

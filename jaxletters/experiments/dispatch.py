"""Which function runs which kind of experiment."""

from pathlib import Path
from typing import Any

from jaxletters import sharding, validation, workdir
from jaxletters.config import (
    Config,
    CrossvalConfig,
    Experiment,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.experiments import crossval, fitting, study, sweep, train, zero_shot

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
    elif isinstance(config, CrossvalConfig):
        fitting.check(config, mesh)
    elif isinstance(config, Config):
        train.check(config, mesh)
    else:
        validation.check(config, mesh.size)


def run(config: Experiment, folder: Path) -> dict[str, Any]:
    """Runs an experiment in a folder, or goes on with it; returns the content of its `result.json`.

    Raises:
        UserError: what the user must mend.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    with workdir.locked(folder):
        if isinstance(config, StudyConfig):
            return study.run(config, folder, check, run)
        return _RUN[type(config)](config, folder)

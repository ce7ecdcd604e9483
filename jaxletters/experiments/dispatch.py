"""Which function runs which kind of experiment."""

from pathlib import Path
from typing import Any

from jaxletters import workdir
from jaxletters.config import (
    Config,
    CrossvalConfig,
    Experiment,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.experiments import crossval, study, sweep, train, zero_shot

_RUN = {
    Config: train.run,
    CrossvalConfig: crossval.run,
    SweepConfig: sweep.run,
    ZeroShotConfig: zero_shot.run,
}


def run(config: Experiment, folder: Path) -> dict[str, Any]:
    """Runs an experiment in a folder, or goes on with it; returns the content of its `result.json`.

    Raises:
        UserError: what the user must mend.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    with workdir.locked(folder):
        if isinstance(config, StudyConfig):
            return study.run(config, folder, run)
        return _RUN[type(config)](config, folder)

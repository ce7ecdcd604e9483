"""The claim of a run folder by an experiment on one dataset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxletters.config.schema import Config, ZeroShotConfig
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation.result import Result
from jaxletters.experiments import base
from jaxletters.experiments.base import Base
from jaxletters.runs import manifest, workdir
from jaxletters.runs.manifest import Facts, Seen
from jaxletters.runtime import console


def earlier_result(config: Config | ZeroShotConfig, folder: Path) -> Result | None:
    """Returns the result of an experiment that is finished already, else None.

    Raises:
        UserError: the folder contains another run, or the data or the base changed since.
    """
    workdir.check(folder, config)
    result = workdir.result(folder)
    if result is not None:
        manifest.check_finished(folder, config, base.current(config.base))
    return result


def describe_data(
    config: Config | ZeroShotConfig, source: DatasetSplits, parts: Sequence[np.ndarray]
) -> Facts:
    """Returns the facts that identify an experiment's data, and prints what looks wrong with the data.

    Args:
        config: the experiment.
        source: its dataset.
        parts: identify the examples of each use, as `manifest.describe_data` takes them.
    """
    data = manifest.describe_data(source, manifest.splits_used(config, source.names), parts)
    manifest.tell(data, source, console.notice)
    return data


def claim(
    config: Config | ZeroShotConfig,
    folder: Path,
    data: Facts,
    origin: Base | None,
    trained_on: Sequence[Facts] = (),
    seen: Seen | None = None,
) -> None:
    """Claims a run folder for an experiment.

    Args:
        config: the experiment.
        folder: the run folder.
        data: from `describe_data`.
        origin: the base, if there is one.
        trained_on: the datasets that the run trains on, besides those of its base.
        seen: the images that the weights of the run will depend on; None if it leaves no weights.

    Raises:
        UserError: the run started with other data.
    """
    before = origin.trained_on if origin else []
    identity = origin.identity if origin else None
    manifest.claim(folder, config, console.notice, data, identity, [*before, *trained_on], seen)

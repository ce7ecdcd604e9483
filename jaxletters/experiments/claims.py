"""The claim of a run folder: its manifest records the config, the data and the origins of an experiment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxletters.config import validation
from jaxletters.config.schema import Config, ZeroShotConfig
from jaxletters.data import left_out
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation.result import Result
from jaxletters.experiments import origins, terminal
from jaxletters.experiments.origins import Origin
from jaxletters.runs import consistency, data_description, workdir
from jaxletters.runs.data_description import DataDescription
from jaxletters.runs.manifest import TrainedOn
from jaxletters.runs.seen_images import SeenImages
from jaxletters.runtime import console


def earlier_result(
    config: Config | ZeroShotConfig, folder: Path, device_count: int
) -> Result | None:
    """Checks the settings; returns and shows the result if the experiment finished earlier, else None.

    Raises:
        UserError: a setting is wrong, the folder contains another run, or the data or an origin changed.
    """
    validation.check(config, device_count)
    workdir.check_available(folder, config)
    result = workdir.result(folder)
    if result is not None:
        consistency.check_finished(folder, config, origins.current(config))
        terminal.show(result, folder, terminal.EARLIER)
    return result


def describe_data(
    config: Config | ZeroShotConfig, splits: DatasetSplits, parts: Sequence[np.ndarray]
) -> DataDescription:
    """Returns the facts that identify an experiment's data, and prints what looks wrong with the data.

    Args:
        config: the experiment.
        splits: its dataset.
        parts: arrays that identify the examples of each use, as `data_description.describe` takes them.
    """
    data = data_description.describe(
        splits, data_description.splits_used(config, splits.names), parts
    )
    if isinstance(config, Config):
        data["left_out"] = left_out.digest(config.split.leave_out)
    data_description.report_findings(data, splits, console.notice)
    return data


def claim_folder(
    config: Config | ZeroShotConfig,
    folder: Path,
    data: DataDescription,
    depends_on: Sequence[Origin] = (),
    trained_on: Sequence[TrainedOn] = (),
    seen: SeenImages | None = None,
) -> None:
    """Claims a run folder: writes the manifest, or checks that the experiment agrees with it.

    Args:
        config: the experiment.
        folder: the run folder.
        data: from `describe_data`.
        depends_on: the finished runs that its weights depend on.
        trained_on: the datasets that the run trains on, besides those of its origins.
        seen: the images that the weights of the run will depend on; None if it leaves no weights.

    Raises:
        UserError: the run started with other data.
    """
    learned = [one for origin in depends_on for one in origin.trained_on]
    all_trained_on = [one for i, one in enumerate(learned) if one not in learned[:i]]
    identities = {origin.setting: origin.identity for origin in depends_on}
    consistency.start_run(
        folder, config, console.notice, data, identities, [*all_trained_on, *trained_on], seen
    )

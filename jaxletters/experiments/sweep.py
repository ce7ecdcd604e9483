"""Sweep: one variation at a time on a common baseline."""

import functools
import re
from pathlib import Path

from jaxletters.config import composition, fingerprints, overrides, validation
from jaxletters.config.schema import Config, SeedsConfig, SweepConfig, VariationConfig
from jaxletters.core.errors import UserError
from jaxletters.data import datasets, selection
from jaxletters.evaluation.result import Result
from jaxletters.experiments import results, seeds, terminal, train
from jaxletters.report import comparison, reports
from jaxletters.report.comparison import Row
from jaxletters.runs import consistency, data_description, manifest, workdir
from jaxletters.runtime import console, sharding

_BASELINE = VariationConfig(technique="baseline", name="baseline")

Trial = tuple[VariationConfig, Config]
"""A variation of a sweep, and the config with the variation applied."""


def run(config: SweepConfig, folder: Path) -> Result:
    """Trains the baseline and every variation, each in its own folder, and compares them.

    Args:
        config: the sweep.
        folder: the run folder; finished trials in it are not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem of any variation that the user can correct; nothing is trained then.
        Interrupted: a signal asked to stop; the same call continues the sweep.
    """
    folder = folder.absolute()
    result = workdir.result(folder)
    # The data of a finished sweep may be gone.
    planned = trials(config, check=result is None)
    workdir.check_available(folder, config)
    if result is not None:
        _check_finished(config, folder, planned)
        terminal.show(result, folder, terminal.EARLIER)
        return result
    consistency.start_run(folder, config, console.notice)
    rows = _run_all(planned, folder)
    compared = reports.Comparison(
        title=folder.name,
        remark=_remark(config, planned, folder),
        rows=rows,
        baseline=rows[0],
        sheets={
            config.dataset.name: selection.load_training_pool(
                config.dataset, config.split, config.seed
            )
        },
        result={"experiment": "sweep", "fingerprint": fingerprints.fingerprint(config)},
    )
    result = results.write_comparison(folder, compared)
    terminal.show(result, folder)
    return result


def _check_finished(config: SweepConfig, folder: Path, planned: list[Trial]) -> None:
    """Raises a UserError if a config, the data or a base changed since the sweep finished."""
    consistency.check_finished(folder, config)
    runs: dict[Path, Config] = {}
    for variation, trial in planned:
        trial_folder = folder / _folder_name(variation)
        runs[trial_folder] = trial
        if isinstance(trial, SeedsConfig):
            runs |= {trial_folder / name: one for name, one in seeds.runs_of(trial).items()}
    train.check_finished(runs)


def _run_all(planned: list[Trial], folder: Path) -> list[Row]:
    """Runs the trials that are not finished; returns the row of each trial."""
    rows: list[Row] = []
    describe_data = functools.cache(data_description.describe_current)
    for i, (variation, trial) in enumerate(planned, 1):
        name = _folder_name(variation)
        trial_folder = folder / name
        title = f"{i} of {len(planned)}, {variation.technique}: {variation.name}"
        run_one = seeds.run if isinstance(trial, SeedsConfig) else train.run
        result = train.run_unless_finished(title, trial, trial_folder, describe_data, run_one)
        page = f"../{name}/report/index.html"
        rows.append(Row(variation.name, variation.technique, result, page=page))
    return rows


def _remark(config: SweepConfig, planned: list[Trial], folder: Path) -> str:
    """Returns what a reader should know of the rows, and each reason why they may not be comparable."""
    text = "One variation at a time on the baseline; the dashed line is the baseline's accuracy."
    if config.seeds > 1:
        text += (
            f" Means over {config.seeds} seeds;{comparison.MARK} marks a difference to the baseline with "
            "p < .05 (Welch's t-test over the seeds), expected by chance in 1 of 20 rows."
        )
    manifests = [manifest.load(folder / _folder_name(variation)) for variation, _ in planned]
    text += comparison.data_warning(manifests)
    if changes := manifest.load(folder).changes:
        text += f" The environment changed between starts: {', '.join(changes)}."
    return text


def trials(config: SweepConfig, check: bool = True) -> list[Trial]:
    """Returns the baseline and the variations with their configs.

    Args:
        config: the sweep.
        check: whether every config is checked against the dataset, which must be available then.

    Raises:
        UserError: a problem of any of the configs.
    """
    baseline = composition.plain(config)
    mesh = sharding.data_mesh()
    planned: list[Trial] = []
    for i, variation in enumerate((_BASELINE, *config.variations)):
        try:
            arguments = [f"--config.{override}" for override in variation.overrides]
            trial = overrides.apply(baseline, arguments)
            if config.seeds > 1:
                trial = composition.over_seeds(trial, config.seeds)
            if check:
                validation.check(trial, mesh.size)
                train.check(trial, datasets.info(trial.dataset))
        except UserError as error:
            # The baseline is the first trial, but not one of `config.variations`.
            prefix = f"config.variations.{i - 1} ({variation.name}): " if i else ""
            raise UserError("\n".join(prefix + line for line in str(error).splitlines())) from error
        planned.append((variation, trial))
    names = [_folder_name(variation) for variation, _ in planned]
    if duplicates := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"config.variations: expected a different technique and name for each, found "
            f"{', '.join(sorted(duplicates))} more than once; rename one"
        )
    return planned


def _folder_name(variation: VariationConfig) -> str:
    title = f"{variation.technique} {variation.name}"
    return re.sub(r"[^a-z0-9.=]+", "_", title.lower()).strip("_")

"""Study: several experiments with those they depend on, and one table of all results."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jaxletters.config import configfile, fingerprints, validation
from jaxletters.config.schema import (
    Config,
    CrossvalConfig,
    SeedsConfig,
    Split,
    StudyConfig,
    SweepConfig,
    ZeroShotConfig,
)
from jaxletters.config.slots import Source
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import selection
from jaxletters.evaluation.result import Result
from jaxletters.experiments import origins, results, terminal
from jaxletters.report import comparison, reports
from jaxletters.report.comparison import Row
from jaxletters.runs import consistency, data_description, manifest, workdir
from jaxletters.runtime import console, sharding

# The limits of an experiment in a quick study.
_QUICK_EXAMPLES = 8_000
_QUICK_EPOCHS = 2
_QUICK_STAGE_EPOCHS = 8
_QUICK_FOLDS = 3
_QUICK_SEEDS = 2

_REMARKS = {
    "full": "Every figure was measured by the experiment that its row names.",
    "quick": "A quick budget: every experiment is cut short, so these figures show that it works and not "
    "what it reaches.",
}

Single = Config | ZeroShotConfig
Check = Callable[[Any], None]
Run = Callable[[Any, Path], Result]


def run(config: StudyConfig, folder: Path, check_one: Check, run_one: Run) -> Result:
    """Runs every unfinished experiment of a study, and compares all of them.

    Each experiment has the folder that its own command would use, beside the study's folder, so that an
    experiment that ran alone is not repeated; with a quick budget, a folder inside the study's folder.

    Args:
        config: the study.
        folder: its run folder.
        check_one: checks the settings of an experiment.
        run_one: runs an experiment in a folder and returns its result.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem that the user can correct, in any config file, before any experiment runs.
        Interrupted: a signal asked to stop; the same call continues the study.
    """
    validation.check(config, sharding.data_mesh().size)
    folder = folder.absolute()
    workdir.check_available(folder, config)
    root = folder.parent if config.budget == "full" else folder
    experiments = _load_all(config, root)
    for file, experiment in experiments.items():
        _check(file, experiment, _folder_of(file, root), check_one)
    consistency.start_run(folder, config, console.notice)
    result_of = _run_all(config, experiments, root, run_one)
    rows = _rows(config, result_of)
    manifests = [manifest.load(_folder_of(file, root)) for file in result_of]
    remark = _REMARKS[config.budget]
    report = reports.Comparison(
        title=folder.name,
        remark=remark + comparison.data_warning(manifests),
        rows=rows,
        baseline=None,
        sheets=_contact_sheets(experiments[entry.file] for entry in config.experiments),
        result={
            "experiment": "study",
            "budget": config.budget,
            "fingerprint": fingerprints.fingerprint(config),
        },
    )
    result = results.write_comparison(folder, report)
    terminal.show_rows(rows)
    console.print_results({"note": remark, "report": str(folder / "report" / "index.html")})
    return result


def _rows(config: StudyConfig, result_of: dict[str, Result]) -> list[Row]:
    rows: list[Row] = []
    # The path from the folder of the study's page to the folder of all experiments.
    root = "../.." if config.budget == "full" else ".."
    for entry in config.experiments:
        name = Path(entry.file).stem
        page = f"{root}/{name}/report/index.html"
        rows += comparison.rows(name, page, result_of[entry.file], entry.reference)
    return rows


def _check(file: str, experiment: Single, folder: Path, check_one: Check) -> None:
    """Raises a UserError that starts with the file's name if its experiment cannot run in its folder."""
    try:
        # The data of a finished experiment may be gone.
        if workdir.matching_result(folder, experiment) is None:
            check_one(experiment)
        workdir.check_available(folder, experiment)
    except UserError as error:
        lines = (f"{file}: {line}" for line in str(error).splitlines())
        raise UserError("\n".join(lines)) from error


def _run_all(
    config: StudyConfig, experiments: dict[str, Single], root: Path, run_one: Run
) -> dict[str, Result]:
    """Returns the results of all experiments and of their origins, by config file."""
    result_of: dict[str, Result] = {}
    describe_data = functools.cache(data_description.describe_current)

    def run_after_origins(file: str) -> None:
        if file in result_of:
            return
        experiment = experiments[file]
        for origin in origins.named_in(experiment).values():
            if origin.config:
                run_after_origins(origin.config)
        folder = _folder_of(file, root)
        if result := workdir.matching_result(folder, experiment):
            current = origins.current(experiment)
            consistency.check_finished(folder, experiment, current, describe_data)
            console.notice(f"{file}: finished earlier")
            result_of[file] = result
        else:
            console.notice(f"\n{file}")
            result_of[file] = run_one(experiment, folder)

    for entry in config.experiments:
        run_after_origins(entry.file)
    return result_of


def _folder_of(file: str, root: Path) -> Path:
    return root / Path(file).stem


def _load_all(config: StudyConfig, root: Path) -> dict[str, Single]:
    """Returns the experiments and their origins by config file, each origin before its experiments."""
    experiments: dict[str, Single] = {}

    def add(file: str, dependents: tuple[str, ...], setting: str = "") -> None:
        if file in dependents:
            members = dependents[dependents.index(file) :]
            circle = " depends on ".join((*members, file))
            raise UserError(
                f"{file}: expected a run that can be trained first, found a circle: {circle}; change "
                f"{setting}.config in one of them"
            )
        if file in experiments:
            return
        experiment = _load(file, config, root)
        for name, origin in origins.named_in(experiment).items():
            if not origin.config:
                continue
            add(origin.config, (*dependents, file), name)
            kind = type(experiments[origin.config])
            if kind not in (accepted := origins.accepted(experiment, name)):
                wanted = "one network" + " or of several seeds" * (SeedsConfig in accepted)
                raise UserError(
                    f"{origin.config}: expected the run of {wanted} as the {name} of {file}, found a "
                    f"{kind.__name__}; change {name}.config there"
                )
        experiments[file] = experiment

    for entry in config.experiments:
        add(entry.file, ())
    return experiments


def _load(file: str, config: StudyConfig, root: Path) -> Single:
    """Returns the experiment of a file as the study runs it."""
    experiment = configfile.load(Path(file))
    if isinstance(experiment, StudyConfig):
        raise UserError(
            f"{file}: expected an experiment, found a study; list its experiments instead"
        )
    if config.budget == "quick":
        experiment = _shorten(experiment)
        for setting, run in origins.named_in(experiment).items():
            if not run.config:
                raise UserError(
                    f"{file}: expected the config file of config.{setting}, because a quick study trains it "
                    f"again on few examples, found only its folder {run.workdir}; set {setting}.config, or "
                    "run the full study"
                )
    return origins.relocated(experiment, lambda file: _folder_of(file, root))


def _shorten(experiment: Single) -> Single:
    """Returns an experiment within the limits of a quick study."""
    if not isinstance(experiment, Config):
        return experiment
    training = experiment.training
    stages = tuple(
        dataclasses.replace(stage, epochs=min(stage.epochs, _QUICK_STAGE_EPOCHS))
        for stage in experiment.stages
    )
    if not stages:
        training = dataclasses.replace(training, epochs=min(training.epochs, _QUICK_EPOCHS))
    limit = min(experiment.split.limit or _QUICK_EXAMPLES, _QUICK_EXAMPLES)
    split = dataclasses.replace(experiment.split, limit=limit)
    shorter = dataclasses.replace(experiment, training=training, stages=stages, split=split)
    if isinstance(shorter, CrossvalConfig):
        return dataclasses.replace(shorter, folds=min(shorter.folds, _QUICK_FOLDS))
    if isinstance(shorter, SeedsConfig | SweepConfig):
        return dataclasses.replace(shorter, seeds=min(shorter.seeds, _QUICK_SEEDS))
    return shorter


def _contact_sheets(experiments: Iterable[Single]) -> dict[str, Dataset]:
    """Returns sample images of every dataset in the study, as its networks see them, by title."""
    sheets: dict[str, Dataset] = {}
    sampled: set[Source] = set()
    for experiment in experiments:
        dataset = experiment.dataset
        # The data of a finished experiment may be gone.
        if dataset in sampled or not dataset.is_here():
            continue
        sampled.add(dataset)
        split = experiment.split if isinstance(experiment, Config) else Split()
        title = dataset.name if dataset.name not in sheets else f"{dataset.name}, {len(sampled)}"
        sheets[title] = selection.load_training_pool(dataset, split, experiment.seed)
    return sheets

"""Many experiments, run where they have not been yet, and one table of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jaxletters import configfile, console, identity, report, sharding, validation, workdir
from jaxletters.config import (
    Config,
    CrossvalConfig,
    Experiment,
    StudyConfig,
    ZeroShotConfig,
)
from jaxletters.data import portions
from jaxletters.errors import UserError
from jaxletters.report import comparison
from jaxletters.report.comparison import Row

# What is left of an experiment when there are only minutes for all of them.
_QUICK_EXAMPLES = 8_000
_QUICK_EPOCHS = 2
_QUICK_STAGE_EPOCHS = 8
_QUICK_FOLDS = 3

T = TypeVar("T", bound=Experiment)
Run = Callable[[Any, Path], dict[str, Any]]


def run(config: StudyConfig, folder: Path, run_one: Run) -> dict[str, Any]:
    """Runs every experiment of a study that has not been, and compares all of them.

    Each lies where its own command would put it, beside the study's folder, so that what was run alone is
    not run again; with a quick budget, inside the study's folder.

    Args:
        config: the study.
        folder: its run folder.
        run_one: runs an experiment in a folder and returns its result, at once if it is finished.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: what the user must mend, in any of the config files before anything is run.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    validation.check(config, sharding.data_mesh().size)
    folder = folder.absolute()
    workdir.check(folder, config)
    root = folder.parent if config.budget == "full" else folder
    experiments = {entry.file: _load(entry.file, config, root) for entry in config.experiments}
    workdir.claim(folder, config)
    results: dict[str, dict[str, Any]] = {}

    def ensure(file: str) -> dict[str, Any]:
        if file not in results:
            experiment = experiments.get(file) or _load(file, config, root)
            if not isinstance(experiment, StudyConfig) and experiment.base.config:
                ensure(experiment.base.config)
            where = _place(file, root)
            if finished := workdir.finished(where, experiment):
                console.notice(f"{file}: finished earlier")
            else:
                console.notice(f"\n{file}")
                finished = run_one(experiment, where)
            results[file] = finished
        return results[file]

    found = []
    for entry in config.experiments:
        name = Path(entry.file).stem
        page = f"../../{name}" if config.budget == "full" else f"../{name}"
        found.extend(_rows(name, f"{page}/report", ensure(entry.file), entry.reference))
    remark = {
        "full": "Every figure was measured by the experiment that its row names.",
        "quick": "A quick budget: every experiment is cut short, so these figures show that it works and "
        "not what it reaches.",
    }[config.budget]
    report.write_comparison(
        folder / "report",
        report.Comparison(
            title=folder.name,
            remark=remark,
            rows=found,
            baseline=None,
            sheets=_sheets(experiments.values()),
            result={
                "experiment": "study",
                "budget": config.budget,
                "fingerprint": identity.fingerprint(config),
            },
        ),
    )
    result = workdir.result(folder)
    assert result is not None
    console.table(comparison.HEADING, [comparison.cells(row) for row in found], left=2)
    console.result_table({"note": remark, "report": str(folder / "report" / "index.html")})
    return result


def _rows(name: str, page: str, result: dict[str, Any], reference: float) -> list[Row]:
    if result["experiment"] == "sweep":
        return [Row(f"{row['group']}: {row['name']}", name, row) for row in result["rows"]]
    return [Row(name, result["dataset"], result, reference, f"{page}/result.txt")]


def _place(file: str, root: Path) -> Path:
    return root / Path(file).stem


def _load(file: str, config: StudyConfig, root: Path) -> Experiment:
    """Returns the experiment of a file as the study runs it."""
    experiment = configfile.load(Path(file))
    if isinstance(experiment, StudyConfig):
        raise UserError(
            f"{file}: expected an experiment, found a study; list its experiments instead"
        )
    if config.budget == "quick":
        experiment = _shortened(experiment)
    if experiment.base.config:
        there = dataclasses.replace(
            experiment.base, workdir=str(_place(experiment.base.config, root))
        )
        experiment = dataclasses.replace(experiment, base=there)
    return experiment


def _shortened(experiment: Config | ZeroShotConfig) -> Config | ZeroShotConfig:
    if not isinstance(experiment, Config):
        return experiment
    training = experiment.training
    stages = tuple(
        dataclasses.replace(stage, epochs=min(stage.epochs, _QUICK_STAGE_EPOCHS))
        for stage in experiment.stages
    )
    if not stages:
        training = dataclasses.replace(training, epochs=min(training.epochs, _QUICK_EPOCHS))
    dataset = dataclasses.replace(experiment.dataset, limit=_QUICK_EXAMPLES)
    shorter = dataclasses.replace(experiment, training=training, stages=stages, dataset=dataset)
    if isinstance(shorter, CrossvalConfig):
        return dataclasses.replace(shorter, folds=min(shorter.folds, _QUICK_FOLDS))
    return shorter


def _sheets(experiments: Any) -> dict[str, Any]:
    """Returns some images of every dataset in the study, as its networks see them."""
    sheets = {}
    for experiment in experiments:
        seed = experiment.seed
        if experiment.dataset.name not in sheets:
            sheets[experiment.dataset.name] = portions.everything(experiment.dataset, seed)
    return sheets

"""Many experiments, run where they have not been yet, and one table of them."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jaxletters.config import configfile, fingerprints, validation
from jaxletters.config.schema import Config, CrossvalConfig, Split, StudyConfig, ZeroShotConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import splits
from jaxletters.evaluation.result import Result
from jaxletters.experiments import base, results
from jaxletters.report import comparison, reports
from jaxletters.runs import manifest, workdir
from jaxletters.runtime import console, sharding

# What is left of an experiment when there are only minutes for all of them.
_QUICK_EXAMPLES = 8_000
_QUICK_EPOCHS = 2
_QUICK_STAGE_EPOCHS = 8
_QUICK_FOLDS = 3

Single = Config | ZeroShotConfig
Check = Callable[[Any], None]
Run = Callable[[Any, Path], Result]


def run(config: StudyConfig, folder: Path, check_one: Check, run_one: Run) -> Result:
    """Runs every experiment of a study that has not been, and compares all of them.

    Each lies where its own command would put it, beside the study's folder, so that what was run alone is
    not run again; with a quick budget, inside the study's folder.

    Args:
        config: the study.
        folder: its run folder.
        check_one: finds what is wrong with an experiment's settings.
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
    experiments = _load_all(config, root)
    for file, experiment in experiments.items():
        _check(file, experiment, _place(file, root), check_one)
    manifest.claim(folder, config, console.notice)
    finished_by_file = _run_all(config, experiments, root, run_one)
    found = []
    manifests = [manifest.read(_place(file, root)) for file in finished_by_file]
    for entry in config.experiments:
        name = Path(entry.file).stem
        page = f"../../{name}" if config.budget == "full" else f"../{name}"
        page = f"{page}/report/index.html"
        found.extend(comparison.rows(name, page, finished_by_file[entry.file], entry.reference))
    remark = {
        "full": "Every figure was measured by the experiment that its row names.",
        "quick": "A quick budget: every experiment is cut short, so these figures show that it works and "
        "not what it reaches.",
    }[config.budget]
    result = results.write_comparison(
        folder,
        reports.Comparison(
            title=folder.name,
            remark=remark + manifest.warning(manifests),
            rows=found,
            baseline=None,
            sheets=_sheets(experiments[entry.file] for entry in config.experiments),
            result={
                "experiment": "study",
                "budget": config.budget,
                "fingerprint": fingerprints.fingerprint(config),
            },
        ),
    )
    console.print_table(comparison.HEADING, [comparison.cells(row) for row in found], left=2)
    console.print_results({"note": remark, "report": str(folder / "report" / "index.html")})
    return result


def _check(file: str, experiment: Single, place: Path, check_one: Check) -> None:
    """Raises a UserError that begins with the file if its experiment cannot be run in its place."""
    try:
        # The data of a finished one may be gone.
        if workdir.matching_result(place, experiment) is None:
            check_one(experiment)
        workdir.check(place, experiment)
    except UserError as error:
        lines = (f"{file}: {line}" for line in str(error).splitlines())
        raise UserError("\n".join(lines)) from error


def _run_all(
    config: StudyConfig, experiments: dict[str, Single], root: Path, run_one: Run
) -> dict[str, Result]:
    """Returns the result of every experiment by its file, and of the bases that they begin with."""
    finished_by_file: dict[str, Result] = {}
    find = functools.cache(manifest.find_data)

    def ensure(file: str) -> None:
        if file in finished_by_file:
            return
        experiment = experiments[file]
        if experiment.base.config:
            ensure(experiment.base.config)
        where = _place(file, root)
        if finished := workdir.matching_result(where, experiment):
            manifest.check_finished(where, experiment, base.now(experiment.base), find)
            console.notice(f"{file}: finished earlier")
            finished_by_file[file] = finished
        else:
            console.notice(f"\n{file}")
            finished_by_file[file] = run_one(experiment, where)

    for entry in config.experiments:
        ensure(entry.file)
    return finished_by_file


def _place(file: str, root: Path) -> Path:
    return root / Path(file).stem


def _load_all(config: StudyConfig, root: Path) -> dict[str, Single]:
    """Returns the experiments by their files, those that they begin with among them."""
    found: dict[str, Single] = {}

    def add(file: str, above: tuple[str, ...]) -> None:
        if file in above:
            circle = " begins with ".join((*above[above.index(file) :], file))
            raise UserError(
                f"{file}: expected a base that can be trained before, found a circle: {circle}; "
                "mend base.config in one of them"
            )
        if file in found:
            return
        experiment = _load(file, config, root)
        if experiment.base.config:
            add(experiment.base.config, (*above, file))
        found[file] = experiment

    for entry in config.experiments:
        add(entry.file, ())
    return found


def _load(file: str, config: StudyConfig, root: Path) -> Single:
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


def _shortened(experiment: Single) -> Single:
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
    return shorter


def _sheets(experiments: Iterable[Single]) -> dict[str, Dataset]:
    """Returns some images of every dataset in the study, as its networks see them."""
    sheets, drawn = {}, set()
    for experiment in experiments:
        dataset = experiment.dataset
        # The data of what finished earlier may be gone.
        if dataset in drawn or not dataset.is_here():
            continue
        drawn.add(dataset)
        split = experiment.split if isinstance(experiment, Config) else Split()
        title = dataset.name if dataset.name not in sheets else f"{dataset.name}, {len(drawn)}"
        sheets[title] = splits.load_training_pool(dataset, split, experiment.seed)
    return sheets

"""One variation at a time on a common baseline."""

import functools
import re
from pathlib import Path
from typing import cast

from jaxletters.config import fingerprints, overrides, validation
from jaxletters.config import schema as schema
from jaxletters.config.schema import Config, SweepConfig, VariationConfig
from jaxletters.core.errors import UserError
from jaxletters.data import datasets, splits
from jaxletters.evaluation.result import SweepResult, TrainResult
from jaxletters.experiments import base, results, train
from jaxletters.report import comparison, reports
from jaxletters.report.comparison import Row
from jaxletters.runs import manifest, workdir
from jaxletters.runtime import console, sharding

_BASELINE = VariationConfig(technique="baseline", name="baseline")


def run(config: SweepConfig, folder: Path) -> SweepResult:
    """Trains the baseline and every variation, each in a folder of its own, and compares them.

    Args:
        config: the sweep.
        folder: the run folder; what is finished in it is not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: what the user must mend in any of the variations; nothing is trained then.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    folder = folder.absolute()
    finished = cast(SweepResult | None, workdir.result(folder))
    # The data of a finished one may be gone.
    planned = trials(config, check=finished is None)
    workdir.check(folder, config)
    find = functools.cache(manifest.find_data)
    if finished is not None:
        manifest.check_finished(folder, config)
        for variation, trial in planned:
            place = folder / _folder_name(variation)
            if workdir.result(place) is None:
                continue
            manifest.check_finished(place, trial, base.now(trial.base), find)
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    manifest.claim(folder, config, console.notice)
    changes = manifest.read(folder).changes
    manifests = []
    compared = []
    for i, (variation, trial) in enumerate(planned, 1):
        name = _folder_name(variation)
        state = f"{i} of {len(planned)}, {variation.technique}: {variation.name}"
        if result := cast(TrainResult | None, workdir.matching_result(folder / name, trial)):
            manifest.check_finished(folder / name, trial, base.now(trial.base), find)
            console.notice(f"{state}: finished earlier")
        else:
            console.notice(state)
            result = train.run(trial, folder / name, brief=True)
        manifests.append(manifest.read(folder / name))
        page = f"../{name}/report/index.html"
        compared.append(Row(variation.name, variation.technique, result, page=page))
    written = cast(
        SweepResult,
        results.write_comparison(
            folder,
            reports.Comparison(
                title=folder.name,
                remark="One variation at a time on the baseline; the dashed line is the baseline's accuracy."
                + manifest.warning(manifests)
                + (
                    f" Between its starts something changed: {', '.join(changes)}."
                    if changes
                    else ""
                ),
                rows=compared,
                baseline=compared[0],
                sheets={
                    config.dataset.name: splits.load_training_pool(
                        config.dataset, config.split, config.seed
                    )
                },
                result={"experiment": "sweep", "fingerprint": fingerprints.fingerprint(config)},
            ),
        ),
    )
    _show(written, folder, "finished")
    return written


def trials(config: SweepConfig, check: bool = True) -> list[tuple[VariationConfig, Config]]:
    """Returns the baseline and the variations with their configs.

    Args:
        config: the sweep.
        check: whether all of them are to be checked, for which the dataset must be there.

    Raises:
        UserError: what is wrong with any of them.
    """
    baseline = schema.plain(config)
    mesh = sharding.data_mesh()
    found = []
    for i, variation in enumerate((_BASELINE, *config.variations)):
        try:
            words = [f"--config.{override}" for override in variation.overrides]
            trial = overrides.apply(baseline, words)
            if check:
                validation.check(trial, mesh.size)
                train.check(trial, datasets.info(trial.dataset))
        except UserError as error:
            where = f"config.variations.{i - 1} ({variation.name}): " if i else ""
            raise UserError("\n".join(where + line for line in str(error).splitlines())) from error
        found.append((variation, trial))
    names = [_folder_name(variation) for variation, _ in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"config.variations: expected a technique and name for each that no other has, found "
            f"{', '.join(sorted(twice))} more than once; rename one"
        )
    return found


def _folder_name(variation: VariationConfig) -> str:
    whole = f"{variation.technique} {variation.name}"
    return re.sub(r"[^a-z0-9.=]+", "_", whole.lower()).strip("_")


def _show(result: SweepResult, folder: Path, state: str) -> None:
    found = [Row(row["name"], row.get("group", ""), row) for row in result["rows"]]
    console.print_table(comparison.HEADING, [comparison.cells(row) for row in found], left=2)
    console.print_results(
        {
            "run": state,
            "run folder": str(folder),
            "report": str(folder / "report" / "index.html"),
        }
    )

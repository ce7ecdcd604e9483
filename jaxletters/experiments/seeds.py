"""The run of one config under several seeds: the spread of its scores, and the ensemble of its networks."""

import dataclasses
import functools
import statistics
from pathlib import Path
from typing import cast

from jaxletters.config import composition
from jaxletters.config.schema import Config, SeedsConfig
from jaxletters.data import selection
from jaxletters.data.datasets import DatasetSplits
from jaxletters.evaluation.result import Result, SeedsFacts, Spread, TrainResult
from jaxletters.experiments import claims, origins, terminal, train
from jaxletters.experiments.fitting import Fitted
from jaxletters.models import ensembles
from jaxletters.runs import data_description, restore, snapshot
from jaxletters.runtime import sharding

SCORES = (
    *("test_accuracy", "test_balanced_accuracy", "test_loss", "test_calibration_error"),
    *("validation_accuracy", "accuracy_over_shifts", "accuracy_of_letters", "refused"),
)
"""The keys of the scores whose spread is reported."""


def run(config: SeedsConfig, folder: Path, brief: bool = False) -> Result:
    """Trains the network under one seed after another, then tests the ensemble of the networks.

    Args:
        config: the experiment.
        folder: the run folder, with a folder for each seed inside; finished runs in it are not repeated.
        brief: whether no result of the ensemble is printed.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: a problem that the user can correct.
        Interrupted: a signal asked to stop; the same call continues the experiment.
    """
    mesh = sharding.data_mesh()
    folder = folder.absolute()
    if (result := claims.earlier_result(config, folder, mesh.size)) is not None:
        train.check_finished({folder / name: one for name, one in runs_of(config).items()})
        return result
    splits = DatasetSplits(config.dataset)
    train.check(config, splits.info)
    named = [origins.load(config, setting, folder) for setting in origins.named_in(config)]
    parts = selection.train_and_validation(splits, config.split, config.seed)
    train.claim_folder(config, [one for one in named if one], splits, parts, folder)
    planned = runs_of(config)
    describe_data = functools.cache(data_description.describe_current)
    for i, (name, one) in enumerate(planned.items(), 1):
        title = f"{i} of {len(planned)}, seed {one.seed}"
        train.run_unless_finished(title, one, folder / name, describe_data)
    members = [restore.load(folder / name) for name in planned]
    results = [cast(TrainResult, member.result) for member in members]
    networks = [
        Fitted(member.model, member.variables, mesh, [], facts)
        for member, facts in zip(members, results, strict=True)
    ]
    joined = ensembles.join([member.variables for member in members])
    model = ensembles.build(members[0].model, len(members))
    ensemble = Fitted(model, joined, mesh, [], results[0])
    facts = _facts(results, snapshot.digest(joined))
    training, held_out = map(splits.take, parts)
    result = train.evaluate_and_report(
        config, ensemble, facts, splits, training, held_out, folder, networks
    )
    if not brief:
        terminal.show(result, folder)
    return result


def runs_of(config: SeedsConfig) -> dict[str, Config]:
    """Returns the config of every run, by the name of its folder."""
    # All use the examples of the first, or an example that one is trained on could test another.
    seed = selection.seed_of(config.split, config.seed)
    one = dataclasses.replace(
        composition.plain(config), split=dataclasses.replace(config.split, seed=seed)
    )
    numbers = range(config.seed, config.seed + config.seeds)
    return {f"seed{n}": dataclasses.replace(one, seed=n) for n in numbers}


def _facts(runs: list[TrainResult], weights: str) -> SeedsFacts:
    """Returns the experiment's part of the result, from the results of its runs and their digest."""
    first = runs[0]
    facts: SeedsFacts = {
        "experiment": "seeds",
        "runs": [run["name"] for run in runs],
        "spread": _spreads(runs),
        "train_examples": first["train_examples"],
        "validation_examples": first["validation_examples"],
        "parameters": sum(run["parameters"] for run in runs),
        "epochs": statistics.mean(run["epochs"] for run in runs),
        "steps": sum(run["steps"] for run in runs),
        "skipped_steps": sum(run["skipped_steps"] for run in runs),
        "training_seconds": sum(run["training_seconds"] for run in runs),
        # The ensemble's are added to them.
        "test_split_reads": sum(run["test_split_reads"] for run in runs),
        "weights": weights,
    }
    if "non_letter" in first:
        facts["non_letter"] = first["non_letter"]
    if "unused" in first:
        facts["unused"] = first["unused"]
    return facts


def _spreads(runs: list[TrainResult]) -> dict[str, Spread]:
    """Returns the spread of each score that all runs have."""
    spreads: dict[str, Spread] = {}
    for key in SCORES:
        values = [run.get(key) for run in runs]
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) == len(runs):
            spreads[key] = {
                "values": numbers,
                "mean": statistics.mean(numbers),
                "deviation": statistics.stdev(numbers),
            }
    return spreads

"""Train on one dataset, test once, report: the experiment that every other one is made of."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxletters import (
    console,
    data,
    identity,
    journal,
    loop,
    models,
    optim,
    report,
    sharding,
    steps,
    validation,
    workdir,
)
from jaxletters.checkpoint import Snapshot
from jaxletters.config import Config
from jaxletters.data import provenance, splits
from jaxletters.errors import UserError
from jaxletters.files import write_json
from jaxletters.models import summary
from jaxletters.plan import Plan
from jaxletters.steps import Task
from jaxletters.types import Dataset

_SAMPLE = 2000  # training images among which the contact sheet finds some of every class


def run(config: Config, folder: Path) -> dict[str, Any]:
    """Trains, or goes on training, then tests once and writes the report.

    Args:
        config: the experiment.
        folder: the run folder; a finished run in it is not repeated.

    Returns:
        the content of `report/result.json`.

    Raises:
        UserError: what the user must mend.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    mesh = sharding.data_mesh()
    layers = _check(config, mesh)
    folder = folder.absolute()
    workdir.check(folder, config)
    if (finished := workdir.result(folder)) is not None:
        _show(finished, folder, "finished earlier; nothing was run")
        return finished
    train = data.load(config.dataset, "train")
    kept, held_out = splits.hold_out(train.labels, config.dataset.validation_per_class, config.seed)
    plan = Plan.of(config, len(kept))
    workdir.claim(folder, config)
    write_json(folder / "env.json", journal.environment())
    console.model_table(layers)
    task = _task(config, plan, mesh)
    fitted = loop.fit(
        config, task, plan, splits.take(train, kept), splits.take(train, held_out), folder
    )
    result = _test_and_report(config, task, plan, fitted, train, folder)
    _show(result, folder, "finished")
    return result


def _check(config: Config, mesh: Mesh) -> list[summary.LayerRow]:
    """Finds what is wrong before anything is loaded; returns the layers of the network."""
    validation.check(config, mesh.size)
    shape, classes = data.image_shape(config.dataset.name), data.class_names(config.dataset.name)
    try:
        layers = summary.layers(config.model, len(classes), shape)
    except ZeroDivisionError:
        # What Flax's initialisers do with an image of no pixels.
        layers = []
    if not layers or any(0 in layer.output_shape for layer in layers):
        raise UserError(
            f"config.model: images of {shape[0]}x{shape[1]} pixels shrink to nothing in its stages; "
            "give it fewer stages (config.model.widths), smaller kernels, or padding=same"
        )
    return layers


def _task(config: Config, plan: Plan, mesh: Mesh) -> Task:
    shape, classes = data.image_shape(config.dataset.name), data.class_names(config.dataset.name)
    return Task(
        model=models.build(config.model, len(classes), shape),
        optimizer=optim.build(config.optimizer, plan.total_steps),
        loss=config.loss,
        augment=config.augment,
        seed=config.seed,
        batch_size=config.training.batch_size,
        ema_decay=config.training.ema_decay,
        mesh=mesh,
    )


def _test_and_report(
    config: Config, task: Task, plan: Plan, fitted: Snapshot, train: Dataset, folder: Path
) -> dict[str, Any]:
    """Reads the test split, which nothing else does, and writes the report."""
    reads = workdir.count_test_read(folder)
    test = data.load(config.dataset, "test")
    logits = steps.predict(task.model, fitted.best, test.images, loop.EVALUATION_BATCH, task.mesh)
    taken, history = int(fitted.state.step), journal.read(folder)
    best = [
        r for r in history if r["split"] == "validation" and r["step"] == fitted.progress.best_step
    ]
    result = {
        "dataset": config.dataset.name,
        "train_examples": plan.examples,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(fitted.best.params)),
        "epochs": plan.epochs_done(taken),
        "steps": taken,
        "skipped_steps": int(fitted.state.skipped),
        "best_step": fitted.progress.best_step,
        "validation_accuracy": best[0]["accuracy"] if best else None,
        "training_seconds": sum(map(loop.seconds, journal.read_timings(folder))),
        "test_split_reads": reads,
        "fingerprint": identity.fingerprint(config),
    }
    report.write(
        folder / "report",
        report.RunReport(
            name=folder.name,
            dataset_note=provenance.note(config.dataset.name, len(train.labels), len(test.labels)),
            history=history,
            train_sample=splits.take(train, np.arange(min(_SAMPLE, len(train.labels)))),
            test=test,
            test_logits=logits,
            result=result,
        ),
    )
    written = workdir.result(folder)
    assert written is not None
    return written


def _show(result: dict[str, Any], folder: Path, state: str) -> None:
    """Prints what a run came to and where everything about it lies."""
    low, high = result["test_accuracy_interval"]
    note = f" ({result['dataset_note']})" if result["dataset_note"] else ""
    # Without a best, no validation was better than nothing: every loss was NaN, say.
    best = "none"
    if result["validation_accuracy"] is not None:
        best = f"{result['validation_accuracy']:.2%} at step {result['best_step']:,}"
    console.result_table(
        {
            "run": state,
            "dataset": f"{result['dataset']}{note}",
            "test accuracy": f"{result['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})",
            "best validation": best,
            "training time": console.duration(result["training_seconds"]),
            "run folder": str(folder),
            "report": str(folder / "report"),
        }
    )

"""Training of one network: initial weights from a base, then one stage after another."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from jaxletters.config.models import LetterNetConfig
from jaxletters.config.schema import Config, StageConfig
from jaxletters.config.slots import DatasetInfo
from jaxletters.config.training import LossConfig
from jaxletters.core import rng
from jaxletters.core.errors import UserError, format_size
from jaxletters.core.types import Dataset, Model, Variables
from jaxletters.data import left_out
from jaxletters.evaluation import losses
from jaxletters.evaluation.result import TrainingFacts
from jaxletters.experiments import augmentations, user_parts
from jaxletters.experiments.transfer import Origins
from jaxletters.models import networks, summary
from jaxletters.models.params import trainable_mask
from jaxletters.runs import journal
from jaxletters.runs.journal import Record
from jaxletters.runs.snapshot import Snapshot, digest
from jaxletters.runtime import console
from jaxletters.training import loop, optimizers, recorder
from jaxletters.training.plan import Plan
from jaxletters.training.task import Task


class Fitted(NamedTuple):
    """A trained network.

    Attributes:
        model: the network.
        variables: its best weights, on the host.
        mesh: the devices.
        history: the records of all stages with consecutive steps and epochs, each with its "stage", from 1.
        facts: the part of the result that describes the training.
    """

    model: Model
    variables: Variables
    mesh: Mesh
    history: list[Record]
    facts: TrainingFacts


def check(config: Config, info: DatasetInfo) -> list[summary.LayerRow]:
    """Checks a config against its dataset before any example is loaded; returns the layers of the network.

    Raises:
        UserError: settings do not fit the images, the images shrink to nothing, a stage trains nothing, or
            the list of examples to leave out cannot be read.
    """
    num_classes, shape = len(info.class_names), info.image_shape
    if isinstance(config.model, LetterNetConfig) and 2 * config.model.crop >= min(shape[:2]):
        raise UserError(
            f"config.model.crop: expected less than half of {min(shape[:2])} pixels, found "
            f"{config.model.crop}: nothing would be left of the images; make it smaller"
        )
    augmentations.check(config, info)
    left_out.digest(config.split.leave_out)
    user_parts.check(config, num_classes, shape)
    try:
        layers = summary.layers(config.model, num_classes, shape)
    except ZeroDivisionError:
        # Flax's initialisers raise it for an image without pixels.
        layers = []
    if not layers or any(0 in layer.output_shape for layer in layers):
        raise UserError(
            f"config.model: images of {format_size(shape)} shrink to nothing in its stages; "
            "give it fewer stages (config.model.widths), smaller kernels, or padding=same"
        )
    model = networks.build(config.model, num_classes, shape)
    params = jax.eval_shape(model.init, jax.random.key(0)).params
    for i, stage in enumerate(config.stages):
        trainable_mask(params, stage.trainable, f"config.stages.{i}.trainable")
    return layers


def check_lengths(config: Config, examples: int) -> None:
    """Raises a UserError if a stage or a batch is too large for the number of training examples."""
    for stage in stages_of(config):
        Plan.of(_stage_config(config, stage), examples)


def stages_of(config: Config) -> tuple[StageConfig, ...]:
    """Returns the stages of a run; the settings of a run without stages are those of its only stage."""
    only_stage = StageConfig(epochs=config.training.epochs, optimizer=config.optimizer)
    return config.stages or (only_stage,)


def _stage_config(config: Config, stage: StageConfig) -> Config:
    """Returns the config of a run that consists of one stage only."""
    training = dataclasses.replace(config.training, epochs=stage.epochs)
    return dataclasses.replace(config, optimizer=stage.optimizer, training=training)


def fit(
    config: Config,
    origins: Origins,
    train: Dataset,
    held_out: Dataset,
    folder: Path,
    mesh: Mesh,
    brief: bool = False,
) -> Fitted:
    """Trains a network, or continues its training; each stage has its own folder inside `folder`.

    Args:
        config: the run.
        origins: its initial weights and its teacher, if there are any.
        train: the training examples.
        held_out: the validation examples; may be empty.
        folder: the run folder; without stages, the checkpoints lie in the folder itself.
        mesh: the devices.
        brief: whether the lines of stages and epochs are not printed.

    Raises:
        UserError: there are checkpoints, but all are damaged.
        Interrupted: a signal asked to stop; the same call continues the training.
    """
    transfer = origins.transfer
    variables = transfer.variables if transfer else None
    history, stages = list[Record](), list[_StageFacts]()
    for i, stage in enumerate(stages_of(config)):
        stage_folder = folder / f"stage{i + 1}" if config.stages else folder
        if config.stages and not brief:
            console.notice(f"Stage {i + 1} of {len(config.stages)}: trains {stage.trainable}")
        stage_config = _stage_config(config, stage)
        plan = Plan.of(stage_config, len(train.labels))
        task = make_task(config, stage, i, plan, mesh, train)
        model, teacher = origins.teacher or (None, None)
        task = task._replace(teacher=model)
        snapshot = loop.fit(
            stage_config, task, plan, train, held_out, stage_folder, variables, brief, teacher
        )
        variables = snapshot.best
        history += _consecutive(journal.load(stage_folder), history, i + 1)
        stages.append(_stage_facts(plan, snapshot, stage_folder))
    assert variables is not None, "there is at least one stage"
    model = networks.build(config.model, len(train.class_names), train.images.shape[1:])
    facts = _facts(stages, history, train, held_out, variables)
    facts["non_letter"] = non_letter = augmentations.non_letter(config)
    absent = set(range(len(train.class_names))) - {*np.unique(train.labels).tolist(), non_letter}
    facts["unused"] = sorted(absent - transfer.used if transfer else absent)
    if transfer:
        facts["base"] = transfer.facts
    if origins.teacher:
        facts["teacher"] = origins.runs[-1].identity
    return Fitted(model, variables, mesh, history, facts)


def make_task(
    config: Config, stage: StageConfig, index: int, plan: Plan, mesh: Mesh, train: Dataset
) -> Task:
    """Returns what the training step of a stage needs; `index` is the number of the stage, from 0."""
    num_classes, shape = len(train.class_names), train.images.shape[1:]
    strength = config.loss.prior if isinstance(config.loss, LossConfig) else 0.0
    prior = losses.prior(train.labels, num_classes) if strength else ()
    return Task(
        model=networks.build(config.model, num_classes, shape, stage.trainable),
        optimizer=optimizers.build(stage.optimizer, plan.total_steps, stage.trainable),
        loss=config.loss,
        augment=config.augment,
        seed=rng.stage_seed(config.seed, index),
        batch_size=config.training.batch_size,
        ema_decay=config.training.ema_decay,
        mesh=mesh,
        trainable=stage.trainable,
        prior=tuple(strength * x for x in prior),
        max_skips=config.training.max_skips,
    )


class _StageFacts(NamedTuple):
    epochs: int
    steps: int
    skipped_steps: int
    training_seconds: float
    best_step: int


def _stage_facts(plan: Plan, snapshot: Snapshot, folder: Path) -> _StageFacts:
    steps = int(snapshot.state.step)
    return _StageFacts(
        epochs=plan.epochs_done(steps),
        steps=steps,
        skipped_steps=int(snapshot.state.skipped),
        training_seconds=sum(map(recorder.timed_seconds, journal.load_timings(folder))),
        best_step=snapshot.progress.best_step,
    )


def _consecutive(records: list[Record], history: list[Record], stage: int) -> list[Record]:
    """Returns the records of a stage, with its number, and steps and epochs that follow the earlier stages.

    Args:
        records: of the stage; steps and epochs start at its beginning.
        history: the records of the earlier stages.
        stage: the number of the stage, from 1.
    """
    first_step, first_epoch = (history[-1]["step"], history[-1]["epoch"]) if history else (0, 0.0)
    return [
        {
            **record,
            "stage": stage,
            "step": record["step"] + first_step,
            "epoch": record["epoch"] + first_epoch,
        }
        for record in records
    ]


def _facts(
    stages: list[_StageFacts],
    history: list[Record],
    train: Dataset,
    held_out: Dataset,
    variables: Variables,
) -> TrainingFacts:
    steps_before = sum(stage.steps for stage in stages[:-1])
    best_step = steps_before + stages[-1].best_step if stages[-1].best_step >= 0 else -1
    best = [r for r in history if r["split"] == "validation" and r["step"] == best_step]
    return {
        "train_examples": len(train.labels),
        "validation_examples": len(held_out.labels),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(variables.params)),
        "epochs": sum(stage.epochs for stage in stages),
        "steps": sum(stage.steps for stage in stages),
        "skipped_steps": sum(stage.skipped_steps for stage in stages),
        "training_seconds": sum(stage.training_seconds for stage in stages),
        "best_step": best_step,
        "weights": digest(variables),
        "validation_accuracy": best[0]["accuracy"] if best else None,
    }

"""From a config and examples to trained weights: the base's weights, then one stage after another."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from jaxletters.config.models import LetterNetConfig
from jaxletters.config.schema import Config, StageConfig
from jaxletters.config.slots import DatasetInfo
from jaxletters.config.training import AugmentConfig, LossConfig
from jaxletters.core import rng
from jaxletters.core.errors import UserError, format_size
from jaxletters.core.types import Dataset, Model, Variables
from jaxletters.evaluation import losses
from jaxletters.evaluation.result import InitialWeights, TrainingFacts
from jaxletters.experiments import base, user_parts
from jaxletters.experiments.base import Base
from jaxletters.models import networks, summary
from jaxletters.models.params import trainable_mask
from jaxletters.runs import checkpoint, journal
from jaxletters.runs.checkpoint import Snapshot
from jaxletters.runs.journal import Record
from jaxletters.runtime import console, xla
from jaxletters.training import loop, optimizers, pretrained
from jaxletters.training.plan import Plan
from jaxletters.training.train_step import Task


class Fitted(NamedTuple):
    """A trained network.

    Attributes:
        model: the network.
        variables: its best weights, on the devices of `mesh`.
        mesh: the devices.
        history: the records of all stages as if they were one run, each with its "stage", from 1.
        facts: about the training, ready for JSON.
    """

    model: Model
    variables: Variables
    mesh: Mesh
    history: list[Record]
    facts: TrainingFacts


def check(config: Config, info: DatasetInfo) -> list[summary.LayerRow]:
    """Finds what is wrong before anything is loaded; returns the layers of the network.

    Args:
        config: the run.
        info: of its dataset.

    Raises:
        UserError: settings that cannot be, images that shrink to nothing, stages that train nothing.
    """
    classes, shape = len(info.class_names), info.image_shape
    if isinstance(config.model, LetterNetConfig) and 2 * config.model.crop >= min(shape[:2]):
        raise UserError(
            f"config.model.crop: expected less than half of {min(shape[:2])} pixels, found "
            f"{config.model.crop}: nothing would be left of the images; make it smaller"
        )
    _check_augmentation(config, shape)
    user_parts.check(config, classes, shape)
    try:
        layers = summary.layers(config.model, classes, shape)
    except ZeroDivisionError:
        # What Flax's initialisers do with an image of no pixels.
        layers = []
    if not layers or any(0 in layer.output_shape for layer in layers):
        raise UserError(
            f"config.model: images of {format_size(shape)} shrink to nothing in its stages; "
            "give it fewer stages (config.model.widths), smaller kernels, or padding=same"
        )
    model = networks.build(config.model, classes, shape)
    params = jax.eval_shape(model.init, jax.random.key(0)).params
    for i, stage in enumerate(config.stages):
        trainable_mask(params, stage.trainable, f"config.stages.{i}.trainable")
    return layers


def _check_augmentation(config: Config, shape: tuple[int, ...]) -> None:
    augment = config.augment if isinstance(config.augment, tuple) else (config.augment,)
    for part in augment:
        if isinstance(part, AugmentConfig) and len(shape) > 2:
            for name in ("stroke", "low_resolution"):
                if value := getattr(part, name):
                    raise UserError(
                        f"config.augment.{name}: expected 0 for images in colour, found {value}; it is for "
                        "ink on paper"
                    )


def check_lengths(config: Config, examples: int) -> None:
    """Raises a UserError if a stage is too long, or a batch, for so many training examples."""
    for stage in _stages(config):
        Plan.of(_alone(config, stage), examples)


def _stages(config: Config) -> tuple[StageConfig, ...]:
    whole = StageConfig(epochs=config.training.epochs, optimizer=config.optimizer)
    return config.stages or (whole,)


def _alone(config: Config, stage: StageConfig) -> Config:
    """Returns the config of a stage as if it were all of the run."""
    training = dataclasses.replace(config.training, epochs=stage.epochs)
    return dataclasses.replace(config, optimizer=stage.optimizer, training=training)


class Start(NamedTuple):
    """What a run begins with.

    Attributes:
        variables: its first weights; None to draw them.
        base: the run that they come from; None without one.
        facts: about that, ready for JSON.
    """

    variables: Variables | None
    base: Base | None
    facts: InitialWeights | None


def start(config: Config, info: DatasetInfo, folder: Path) -> Start:
    """Returns what the run in a folder begins with.

    Args:
        config: the run.
        info: of its dataset.
        folder: its folder.

    Raises:
        UserError: the base is not there, is not the one that the run began with, or its weights do not fit.
    """
    if not config.base.config:
        return Start(None, None, None)
    origin = base.load(config.base, folder)
    model = networks.build(config.model, len(info.class_names), info.image_shape)
    draw = jax.jit(model.init, compiler_options=xla.one_time_options())
    fresh = draw(rng.key(config.seed, rng.Stream.INIT))
    variables, report = pretrained.transfer(fresh, origin.run.variables, config.base.take)
    for line in pretrained.report_lines(report):
        console.notice(line)
    return Start(
        variables,
        origin,
        {**origin.facts, "taken": report.taken, "new": report.new, "left": report.left},
    )


def fit(
    config: Config,
    begin: Start,
    train: Dataset,
    held_out: Dataset,
    folder: Path,
    mesh: Mesh,
    brief: bool = False,
) -> Fitted:
    """Trains, or goes on training: every stage is a run in a folder of its own inside `folder`.

    Args:
        config: the run.
        begin: what it begins with.
        train: the training examples.
        held_out: the validation examples, perhaps none.
        folder: the run folder; without stages, the one run's own.
        mesh: the devices.
        brief: whether the terminal is spared the lines of stages and epochs.

    Raises:
        UserError: there are checkpoints but none is sound.
        Interrupted: a signal asked to stop; the same call goes on from there.
    """
    variables, history, stages = begin.variables, list[Record](), list[_StageFacts]()
    snapshot = None
    for i, stage in enumerate(_stages(config), 1):
        where = folder / f"stage{i}" if config.stages else folder
        if config.stages and not brief:
            console.notice(f"Stage {i} of {len(config.stages)}: trains {stage.trainable}")
        alone = _alone(config, stage)
        plan = Plan.of(alone, len(train.labels))
        task = _task(config, stage, i - 1, plan, mesh, train)
        snapshot = loop.fit(alone, task, plan, train, held_out, where, variables, brief)
        variables = snapshot.best
        history.extend(_after(history, journal.load(where), i))
        stages.append(_stage_facts(plan, snapshot, where))
    assert snapshot is not None, "there is always a stage"
    model = networks.build(config.model, len(train.class_names), train.images.shape[1:])
    facts = _facts(stages, history, train, held_out, snapshot.best)
    if begin.facts is not None:
        facts["base"] = begin.facts
    return Fitted(model, snapshot.best, mesh, history, facts)


def _task(
    config: Config, stage: StageConfig, index: int, plan: Plan, mesh: Mesh, train: Dataset
) -> Task:
    classes, shape = len(train.class_names), train.images.shape[1:]
    strength = config.loss.prior if isinstance(config.loss, LossConfig) else 0.0
    prior = losses.prior(train.labels, classes) if strength else ()
    return Task(
        model=networks.build(config.model, classes, shape, stage.trainable),
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
        training_seconds=sum(map(loop.seconds, journal.load_timings(folder))),
        best_step=snapshot.progress.best_step,
    )


def _after(before: list[Record], records: list[Record], stage: int) -> list[Record]:
    """Returns a stage's records with steps and epochs counted on from those of the stages before."""
    step, epoch = (before[-1]["step"], before[-1]["epoch"]) if before else (0, 0.0)
    return [
        {**r, "stage": stage, "step": r["step"] + step, "epoch": r["epoch"] + epoch}
        for r in records
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
        "weights": checkpoint.digest(variables),
        "validation_accuracy": best[0]["accuracy"] if best else None,
    }

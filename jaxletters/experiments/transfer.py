"""What a network takes from finished runs: its initial weights, and the teacher that it learns from."""

from pathlib import Path
from typing import NamedTuple, cast

import jax
from jax.sharding import Mesh

from jaxletters.config.schema import Config
from jaxletters.config.slots import DatasetInfo
from jaxletters.core import rng
from jaxletters.core.errors import UserError, format_size
from jaxletters.core.types import Model, Variables
from jaxletters.evaluation.result import InitialWeights
from jaxletters.experiments import augmentations, origins
from jaxletters.experiments.origins import Origin
from jaxletters.models import networks
from jaxletters.runtime import console, sharding, xla
from jaxletters.training import pretrained


class Transfer(NamedTuple):
    """Initial weights that come from a finished run, or from a bundle.

    Attributes:
        variables: the initial weights.
        base: the run that they come from; None if they come from a bundle.
        facts: the part of the result that describes the base.
        used: labels that the weights know from other examples than those of the run.
    """

    variables: Variables
    base: Origin | None
    facts: InitialWeights
    used: frozenset[int] = frozenset()


class Teacher(NamedTuple):
    """The network that a student learns from besides the labels; its weights are on the devices."""

    model: Model
    variables: Variables


class Origins(NamedTuple):
    """What a training takes from finished runs.

    Attributes:
        transfer: the initial weights; None to draw them.
        teacher: the teacher; None without one.
        runs: the finished runs that they come from; the teacher's is the last.
    """

    transfer: Transfer | None
    teacher: Teacher | None
    runs: tuple[Origin, ...]


def load(
    config: Config, info: DatasetInfo, folder: Path, mesh: Mesh, initial: Transfer | None = None
) -> Origins:
    """Loads what a run takes from finished runs.

    Args:
        config: the run.
        info: describes its dataset.
        folder: its run folder.
        mesh: the devices, on which the teacher predicts.
        initial: the initial weights; None for those that `config.base` names.

    Raises:
        UserError: a finished run does not exist, is not that which the run started with, or does not fit.
    """
    transfer = initial or _initial_weights(config, info, folder)
    origin = origins.load(config, origins.TEACHER, folder)
    teacher = origin and _teacher(config, info, origin, mesh)
    runs = (transfer.base if transfer else None, origin)
    return Origins(transfer, teacher, tuple(run for run in runs if run))


def _initial_weights(config: Config, info: DatasetInfo, folder: Path) -> Transfer | None:
    """Returns the initial weights of a run that has a base; None if its weights are drawn at random."""
    if (origin := origins.load(config, origins.BASE, folder)) is None:
        return None
    model = networks.build(config.model, len(info.class_names), info.image_shape)
    init = jax.jit(model.init, compiler_options=xla.one_time_options())
    drawn = cast(Variables, init(rng.key(config.seed, rng.Stream.INIT)))
    variables, report = pretrained.transfer(drawn, origin.run.variables, config.base.take)
    for line in pretrained.report_lines(report):
        console.notice(line)
    facts: InitialWeights = {
        **origin.identity,
        "taken": report.taken,
        "new": report.new,
        "left": report.left,
    }
    return Transfer(variables, origin, facts)


def _label(label: int | None) -> str:
    return "none" if label is None else str(label)


def _teacher(config: Config, info: DatasetInfo, origin: Origin, mesh: Mesh) -> Teacher:
    """Returns a finished run as a teacher.

    Raises:
        UserError: it reads other images or classes than the student.
    """
    run, student_non_letter = origin.run, augmentations.non_letter(config)
    for what, expected, found in (
        ("images of", format_size(info.image_shape), format_size(run.image_shape)),
        ("the classes", ", ".join(info.class_names), ", ".join(run.class_names)),
        ("the label of non-letters", _label(student_non_letter), _label(run.non_letter)),
    ):
        if expected != found:
            raise UserError(
                f"config.{origins.TEACHER}: expected a network with {what} {expected}, as its student has, "
                f"found {found} in {run.folder}; name another teacher"
            )
    return Teacher(run.model, sharding.replicate(run.variables, mesh))

"""The finished run that another experiment begins with, or tests on other data."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxletters import checkpoint, console, data, models, settings, workdir
from jaxletters.config import MODEL_CONFIGS, BaseConfig, DatasetConfig
from jaxletters.errors import UserError
from jaxletters.files import read_json
from jaxletters.types import Model, Variables


class Base(NamedTuple):
    """A finished run.

    Attributes:
        folder: where it lies.
        result: the content of its `result.json`.
        dataset: that it was trained on.
        model: its network.
        variables: its best weights, on the host.
    """

    folder: Path
    result: dict
    dataset: DatasetConfig
    model: Model
    variables: Variables


def folder_of(config: BaseConfig) -> Path:
    """Returns the folder in which the base's run lies, or would lie."""
    return Path(config.workdir or workdir.default(Path(config.config)))


def load(config: BaseConfig) -> Base:
    """Returns the finished run that `config` names; nothing of it is changed.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    folder = folder_of(config)
    result = workdir.result(folder)
    if result is None:
        elsewhere = f" --workdir {config.workdir}" if config.workdir else ""
        raise UserError(
            f"config.base: expected a finished run in {folder}, found none; train it first: "
            f"python launch.py --config {config.config}{elsewhere}"
        )
    values = read_json(folder / "config.json")
    try:
        network = settings.from_dict(values["model"], MODEL_CONFIGS[values["model"]["name"]]())
        dataset = settings.from_dict(values["dataset"], DatasetConfig())
        stages = len(values.get("stages", ()))
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{folder / 'config.json'}: expected the config of a run of this version, found none of "
            f"{error}; train it anew in another folder, and name that: config.base.workdir"
        ) from error
    shape, names = data.image_shape(dataset), data.class_names(dataset.name)
    model = models.build(network, len(names), shape)
    like = jax.tree.map(
        lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(model.init, jax.random.key(0))
    )
    last = folder / f"stage{stages}" if stages else folder
    variables = checkpoint.restore_best(last, like, console.notice)
    if variables is None:
        raise UserError(
            f"{last / 'steps'}: expected a sound checkpoint of the base, found none; train it anew: "
            f"remove {folder}, then python launch.py --config {config.config}"
        )
    return Base(folder, result, dataset, model, variables)

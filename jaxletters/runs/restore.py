"""The network of a finished run, loaded from its folder."""

from pathlib import Path
from typing import NamedTuple, cast

import jax
import numpy as np

from jaxletters.config import serialization, user_code
from jaxletters.config.schema import Split
from jaxletters.config.slots import ModelConfig
from jaxletters.core.errors import UserError
from jaxletters.core.types import Model, Variables
from jaxletters.data.formats import alphabets
from jaxletters.evaluation.conformal import Calibration
from jaxletters.evaluation.result import SeedsResult, TrainResult
from jaxletters.models import ensembles, networks
from jaxletters.runs import calibrations, consistency, manifest, snapshot, workdir
from jaxletters.runs.manifest import Manifest
from jaxletters.runtime import console, files
from jaxletters.runtime.files import load_json


class TrainedRun(NamedTuple):
    """A finished run, or several that differ in their seeds, with their networks as one.

    Attributes:
        folder: the run folder.
        result: the content of its `result.json`.
        class_names: one per label.
        image_shape: (height, width) in pixels of the images it reads, or (height, width, 3) in colour.
        fit: how a picture is fitted to that shape, one of `slots.FITS`.
        inverted: whether pictures are inverted.
        non_letter: the label of images that show no class; None if it knows no such images.
        unused: the labels without training examples.
        network: the settings of its network.
        model: its network.
        variables: its best weights, on the host.
        calibration: of its probabilities; None without one.
        split: which examples of its dataset were held out.
        seed: of its config, which decides which of them.
        training_images: SHA-256 of the images of its training split, in hex.
        members: the number of networks.
    """

    folder: Path
    result: TrainResult | SeedsResult
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    fit: str
    inverted: bool
    non_letter: int | None
    unused: tuple[int, ...]
    network: ModelConfig
    model: Model
    variables: Variables
    calibration: Calibration | None = None
    split: Split = Split()
    seed: int = 0
    training_images: str = ""
    members: int = 1


def load_any(folder: Path) -> TrainedRun:
    """Returns the network of a finished run, or the ensemble of a run under several seeds.

    Raises:
        UserError: as for `load`.
    """
    files.check_encoding(folder)
    result = workdir.require_result(folder)
    if result.get("experiment") != "seeds":
        return load(folder)
    result = cast(SeedsResult, result)
    consistency.check_config(folder, manifest.load(folder), load_json(folder / "config.json"))
    members = [load(folder / name) for name in result["runs"]]
    first, variables = members[0], ensembles.join([member.variables for member in members])
    if (actual := snapshot.digest(variables)) != (expected := str(result.get("weights"))):
        raise UserError(
            f"{folder}: expected the weights that this ensemble was measured with (SHA-256 {expected[:12]}), "
            f"found others ({actual[:12]}) in {', '.join(result['runs'])}; restore these folders from a "
            "backup, or train again in another"
        )
    return first._replace(
        folder=folder,
        result=result,
        model=ensembles.build(first.model, len(members)),
        variables=variables,
        calibration=calibrations.load(folder, len(first.class_names)),
        members=len(members),
    )


def load(folder: Path) -> TrainedRun:
    """Returns the network of a finished run; nothing in the folder is changed.

    Raises:
        UserError: there is no finished run, it trained no network or several, its config was edited, or it
            cannot be read.
    """
    files.check_encoding(folder)
    result = workdir.require_result(folder)
    if result.get("experiment") != "train":
        raise UserError(
            f"{folder}: expected a run that trained one network, found one of the kind "
            f"{result.get('experiment')!r}; name another: see jaxletters runs {folder.parent}"
        )
    result = cast(TrainResult, result)
    stored = manifest.load(folder)
    settings = _settings(folder, stored)
    assert stored.data is not None, "a run that trains a network has data"
    names, shape = tuple(stored.data["class_names"]), tuple(stored.data["image_shape"])
    model = networks.build(settings.network, len(names), shape)
    last = folder / f"stage{settings.stages}" if settings.stages else folder
    return TrainedRun(
        folder=folder,
        result=result,
        class_names=names,
        image_shape=shape,
        fit=stored.data["fit"],
        inverted=bool(stored.data["inverted"]),
        non_letter=result.get("non_letter"),
        unused=tuple(result["unused"]) if "unused" in result else alphabets.unused(names),
        network=settings.network,
        model=model,
        variables=_best_weights(folder, last, model, result),
        calibration=calibrations.load(folder, len(names)),
        split=settings.split,
        seed=settings.seed,
        training_images=stored.data["splits"]["train"]["images"],
    )


class _Settings(NamedTuple):
    """What a run's `config.json` says about its network; `stages` is their number."""

    network: ModelConfig
    stages: int
    split: Split
    seed: int


def _settings(folder: Path, stored: Manifest) -> _Settings:
    """Returns the settings of a run, after checking that they were not edited.

    Raises:
        UserError: they were edited, or are those of another version.
    """
    values = load_json(folder / "config.json")
    try:
        consistency.check_config(folder, stored, values)
        return _Settings(
            user_code.load_part(values["model"], ModelConfig, folder),
            len(values.get("stages", ())),
            serialization.instantiate(values["split"], Split),
            values["seed"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder / 'config.json'}: expected the config of a run of this version, found no "
            f"{error}; train it again in another folder"
        ) from error


def _best_weights(folder: Path, last: Path, model: Model, result: TrainResult) -> Variables:
    """Returns the weights that the result of a run was measured with.

    Args:
        folder: the run folder.
        last: the folder of its last stage, or the run folder.
        model: its network.
        result: its result.

    Raises:
        UserError: no checkpoint is sound, or it holds other weights.
    """
    shapes: Variables = jax.eval_shape(model.init, jax.random.key(0))
    template: Variables = jax.tree.map(_zeros, shapes)
    variables = snapshot.load_best(last, template, console.notice)
    if variables is None:
        raise UserError(
            f"{last / 'steps'}: expected a sound checkpoint, found no sound one; remove {folder} and train "
            "it again"
        )
    # Not an older checkpoint's or another run's.
    actual, expected = snapshot.digest(variables), str(result.get("weights"))
    if actual != expected:
        raise UserError(
            f"{last / 'steps'}: expected the weights that this run finished with (SHA-256 {expected[:12]}), "
            f"found others ({actual[:12]}); restore the folder from a backup, or train again in another"
        )
    return variables


def _zeros(array: jax.ShapeDtypeStruct) -> np.ndarray:
    return cast(np.ndarray, np.zeros(array.shape, array.dtype))

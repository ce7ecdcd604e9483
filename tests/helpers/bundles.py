"""Finished runs that nothing was trained in, for tests of what is exported from them."""

from pathlib import Path

import tiny
from results import RUN

from jaxletters.config.builtin_sources import BUILTIN
from jaxletters.config.models import DeeperConfig
from jaxletters.config.slots import ModelConfig
from jaxletters.models import networks
from jaxletters.runs import manifest
from jaxletters.runs.restore import TrainedRun

SMALL = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 3), depths=(1, 1))


def trained(
    folder: Path, network: ModelConfig = SMALL, dataset: str = "sketch_letters"
) -> TrainedRun:
    """Returns a run with random weights; the folder gets what is read from it later."""
    environment = {"versions": {"python": "3.11.0", "jax": "0.7.2"}}
    about = manifest.Manifest("f" * 64, None, {}, [], "", environment, [], [])
    manifest.write(folder, about)
    info = BUILTIN[dataset].info()
    names, shape = info.class_names, info.image_shape
    model = networks.build(network, len(names), shape)
    result = {**RUN, "dataset": dataset, "dataset_note": "random weights", "fingerprint": "f" * 64}
    variables = tiny.variables(model)
    return TrainedRun(
        folder, result, names, shape, info.fit, False, None, (0,), network, model, variables
    )

"""Where the training examples are kept: on the devices, or on the host."""

import math

import numpy as np

from jaxletters.config.schema import Config
from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.runtime.coordination import RuntimeFailure
from jaxletters.training.device_examples import Examples
from jaxletters.training.host_examples import HostExamples
from jaxletters.training.task import Task


def place(config: Config, task: Task, train: Dataset) -> Examples | HostExamples:
    """Returns the training examples where `config.training.residency` says.

    Raises:
        UserError: they do not fit on the devices or in memory.
    """
    if config.training.residency == "host":
        return HostExamples(train.images, train.labels, task.seed, task.batch_size)
    try:
        return Examples.on_devices(np.asarray(train.images), train.labels, task.mesh)
    except (MemoryError, RuntimeFailure) as error:
        if isinstance(error, RuntimeFailure) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        size = math.prod(train.images.shape) / 2**30
        raise UserError(
            f"config.training.residency: expected {size:.1f} GiB of training images to fit on every device "
            "and in memory, found too little of it; leave them in their file: "
            "--config.training.residency=host"
        ) from error

"""A trained network that reads images; no part of training is imported for it."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import jax

from jaxletters.evaluation import inference
from jaxletters.reading import bundle
from jaxletters.reading.classifier import Classifier

if TYPE_CHECKING:
    from jaxletters.runs.restore import Trained


def load(folder: Path | str) -> Classifier:
    """Returns the network of a finished run, or of a bundle that `jaxletters export` wrote.

    A run folder's own code, if its network is a user's, is run; a bundle has none.

    Raises:
        UserError: there is none in the folder, or it cannot be read.
    """
    folder = Path(folder)
    if bundle.is_there(folder):
        return bundle.load(folder)
    # With it come Flax and Orbax, which a bundle does without.
    from jaxletters.runs import restore

    return of(restore.load(folder))


def of(run: "Trained") -> Classifier:
    """Returns the network of a finished run as something that reads, on the first device."""
    variables = jax.device_put(run.variables, jax.local_devices()[0])
    return Classifier(
        name=run.folder.absolute().name,
        class_names=run.class_names,
        image_shape=run.image_shape,
        fit=run.fit,
        inverted=run.inverted,
        call=functools.partial(inference.compiled_forward(), run.model, variables),
    )

"""Loading a classifier from a run folder or a bundle, without importing training code."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.reading import bundle
from jaxletters.reading.classifier import Classifier, compile_network

if TYPE_CHECKING:
    from jaxletters.runs.restore import TrainedRun

PRETRAINED = Path(__file__).parent / "pretrained"
"""The bundle of the reader that is part of this package."""


def load(folder: Path | str) -> Classifier:
    """Returns the classifier of a finished run or ensemble, or of a bundle that `jaxletters export` wrote.

    If the network of a run is a user's, this runs the code in the run folder. A bundle contains no code.

    Raises:
        UserError: the folder holds neither, or it cannot be loaded.
    """
    folder = Path(folder)
    if bundle.holds_bundle(folder):
        return bundle.load(folder)
    # Imports Flax and Orbax, which a bundle does not need.
    from jaxletters.runs import restore

    return from_run(restore.load_any(folder))


def pretrained() -> Classifier:
    """Returns the classifier that is part of this package, trained with `configs/emnist_reader.py`."""
    return bundle.load(PRETRAINED)


def from_run(run: "TrainedRun") -> Classifier:
    """Returns the classifier of a finished run, on the first device."""
    return Classifier(
        name=run.folder.absolute().name,
        class_names=run.class_names,
        image_shape=run.image_shape,
        fit=run.fit,
        inverted=run.inverted,
        non_letter=run.non_letter,
        unused=run.unused,
        calibration=run.calibration,
        logits_fn=compile_network(run.model, run.variables),
        members=run.members,
    )

"""The predictions of a finished experiment, in `report/predictions.npz`."""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.core.arrays import Labels, Logits
from jaxletters.core.errors import UserError, one_line


class Predictions(NamedTuple):
    """The labels and logits of the test examples of an experiment, in their order."""

    labels: Labels
    logits: Logits


def load(folder: Path) -> Predictions | None:
    """Returns the predictions of a finished experiment; None if it has none.

    Args:
        folder: its run folder.

    Raises:
        UserError: they cannot be read.
    """
    file = folder / "report" / "predictions.npz"
    if not file.exists():
        return None
    try:
        with file.open("rb") as opened, np.load(opened) as arrays:
            return Predictions(arrays["labels"], arrays["logits"])
    # What NumPy raises depends on where the file is damaged.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{file}: expected the predictions of a finished run, found {one_line(error)}; restore it from a "
            "backup, or remove it"
        ) from error

"""What `launch.py` and `jaxletters predict` do, for Python and notebooks: `import jaxletters as jl`."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxletters import backend, configfile, images, pictures, reader, workdir
from jaxletters.config import Experiment
from jaxletters.errors import UserError
from jaxletters.pictures import Reading
from jaxletters.reading import Reader


class Finished(NamedTuple):
    """A run that is finished.

    Attributes:
        folder: its run folder.
        result: the content of its `report/result.json`: "test_accuracy", "test_accuracy_interval" ...
    """

    folder: Path
    result: dict[str, Any]


def fit(config: Experiment | Path | str, folder: Path | str | None = None) -> Finished:
    """Runs an experiment, or goes on with it where it was interrupted; one that is finished is not repeated.

    A signal, or Ctrl-C, is the caller's own, and the config's `time_limit` is launch.py's: here it has no
    effect.

    Args:
        config: one of `jaxletters.config`, or the file of one.
        folder: the run folder; by default, for a file, `checkpoints/<its name>`.

    Raises:
        UserError: what the user must mend.
    """
    if isinstance(config, str | Path):
        file = Path(config).expanduser()
        config, folder = configfile.load(file), folder or workdir.default(file)
    if folder is None:
        raise UserError("folder: expected a run folder for a config that is not a file, found none")
    backend.prepare()
    from jaxletters.experiments import dispatch

    folder = Path(folder).expanduser()
    return Finished(folder, dispatch.run(config, folder))


def load(folder: Path | str) -> Reader:
    """Returns the network of a finished run, or of an exported bundle, ready to read.

    Raises:
        UserError: there is none in the folder, or it cannot be read.
    """
    backend.prepare()
    return reader.load(Path(folder).expanduser())


def read(network: Reader, picture: NDArray[np.uint8] | Path | str) -> Reading:
    """Returns what is written in a picture: one letter, or several in a row.

    Args:
        network: what `load` gives.
        picture: a file, or uint8 `[h, w, 3]`.

    Raises:
        UserError: it cannot be read, or nothing is written in it.
    """
    if isinstance(picture, str | Path):
        return pictures.read(network, images.read(Path(picture).expanduser()), str(picture))
    return pictures.read(network, picture, "the picture")

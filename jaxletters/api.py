"""What `launch.py` and `jaxletters predict` do, for Python and notebooks: `import jaxletters as jl`.

The process is the caller's: JAX's settings, loggers, hooks and the allocator are left as they are, where the
command lines set what is quickest (`jaxletters.runtime.xla.configure`).
"""

import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jaxletters.config import configfile, validation
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError
from jaxletters.data import images
from jaxletters.evaluation.result import Result
from jaxletters.reading import loader, recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.reading.recognition import Reading
from jaxletters.runs import workdir
from jaxletters.runtime import files, log_filter

# What a run uses is a process's own: standard output, Orbax's event loop.
_running = threading.Lock()


class Finished(NamedTuple):
    """A run that is finished.

    Attributes:
        folder: its run folder.
        result: the content of its `report/result.json`: "test_accuracy", "test_accuracy_interval" ...
    """

    folder: Path
    result: Result


def fit(config: Experiment | Path | str, folder: Path | str | None = None) -> Finished:
    """Runs an experiment, or goes on with it where it was interrupted; one that is finished is not repeated.

    A signal, or Ctrl-C, is the caller's own, and the config's `time_limit` is launch.py's: here it has no
    effect. A process runs one experiment at a time.

    Args:
        config: one of `jaxletters.config.schema`, or the file of one.
        folder: the run folder; by default, for a file, `checkpoints/<its name>`.

    Raises:
        UserError: what the user must mend.
    """
    if isinstance(config, str | Path):
        file = files.expand_user(config)
        config, folder = configfile.load(file), folder or workdir.default(file)
    if not validation.is_experiment(config):
        raise UserError(
            "config: expected a Config or another of jaxletters.config.schema, or the file of one, found "
            f"{type(config).__name__}; configs/quickstart.py is an example"
        )
    if folder is None:
        raise UserError("folder: expected a run folder for a config that is not a file, found none")
    path, config = _path(folder, "folder"), validation.coerce(config)
    if not _running.acquire(blocking=False):
        raise UserError(
            f"{path}: expected one run at a time in a process, found another that is not finished; wait for "
            "it, or start a process for each"
        )
    try:
        from jaxletters.experiments import dispatch

        with log_filter.installed():
            return Finished(path, dispatch.run(config, path))
    finally:
        _running.release()


def _path(given: object, name: str) -> Path:
    if not isinstance(given, str | Path):
        raise UserError(f"{name}: expected the path of a folder, found {type(given).__name__}")
    return files.expand_user(given)


def load(folder: Path | str) -> Classifier:
    """Returns the network of a finished run, or of an exported bundle, ready to read.

    A run folder's own code, if its network is a user's, is run; a bundle has none.

    Raises:
        UserError: there is none in the folder, or it cannot be read.
    """
    with log_filter.installed():
        return loader.load(_path(folder, "folder"))


def read(classifier: Classifier, picture: NDArray[np.uint8] | Image.Image | Path | str) -> Reading:
    """Returns what is written in a picture: one letter, or several in a row.

    Args:
        classifier: what `load` gives.
        picture: a file, one of Pillow's, or an array as `images.of` takes it: uint8 `[h, w]`, `[h, w, 3]` or
            `[h, w, 4]`.

    Raises:
        UserError: it cannot be read, or nothing is written in it.
    """
    if not isinstance(classifier, Classifier):
        raise UserError(
            f"classifier: expected what jl.load gives, found {type(classifier).__name__}; load it first"
        )
    if isinstance(picture, str | Path):
        return recognition.read(classifier, images.read(files.expand_user(picture)), str(picture))
    return recognition.read(classifier, images.of(picture, "the picture"), "the picture")

"""The Python interface, for scripts and notebooks: `import jaxletters as jl`.

It leaves the caller's process unchanged: JAX's settings, loggers, hooks and the allocator. The command lines,
in contrast, choose the fastest settings (`jaxletters.runtime.xla.configure`).
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

# One run per process, because runs share standard output and Orbax's event loop.
_running = threading.Lock()


class Finished(NamedTuple):
    """A finished run.

    Attributes:
        folder: its run folder.
        result: the content of its `report/result.json`: "test_accuracy", "test_accuracy_interval" ...
    """

    folder: Path
    result: Result


def fit(
    config: Experiment | Path | str, folder: Path | str | None = None, processes: str = ""
) -> Finished:
    """Runs an experiment or continues an interrupted one; returns at once if it is finished.

    Signals, such as Ctrl-C, are left to the caller, and the config's `time_limit` has no effect. A process
    runs one experiment at a time.

    Args:
        config: a config, or the path of a config file.
        folder: the run folder; for a file, the default is `checkpoints/<its name>`.
        processes: how this process finds others that call `fit` with the same arguments: "auto" where JAX
            detects the cluster, or "1/4@HOST:PORT" to "4/4@HOST:PORT". The first one runs the experiment on
            the devices of all; every call returns the result. If a process ends, all of them end. Give it
            in the first call of a process, before JAX's devices are used; it applies to later ones.

    Raises:
        UserError: an error that the user can correct.
        Interrupted: with `processes`, another process ended.
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
        raise UserError(
            "folder: expected a run folder for a config that is not a file, found no folder"
        )
    path, config = _folder(folder), validation.coerce(config)
    if not _running.acquire(blocking=False):
        raise UserError(
            f"{path}: expected one run at a time in a process, found another that is not finished; wait for "
            "it, or start a process for each"
        )
    try:
        from jaxletters.experiments import dispatch
        from jaxletters.runtime import processes as team

        if processes:
            team.join(processes)
        with log_filter.installed():
            return Finished(path, dispatch.run(config, path))
    finally:
        _running.release()


def _folder(folder: object) -> Path:
    if not isinstance(folder, str | Path):
        raise UserError(f"folder: expected the path of a folder, found {type(folder).__name__}")
    return files.expand_user(folder)


def load(folder: Path | str | None = None) -> Classifier:
    """Returns the classifier of a finished run or of an exported bundle.

    Without a folder it is the reader of letters that is part of this package, and "is_letter" of its
    predictions tells letters from other images.

    Loading a run with a user's network executes the code in the run folder; a bundle has no code.

    Raises:
        UserError: the folder holds neither, or its files are damaged.
    """
    with log_filter.installed():
        return loader.pretrained() if folder is None else loader.load(_folder(folder))


def read(
    classifier: Classifier,
    picture: NDArray[np.uint8] | Image.Image | Path | str,
    coverage: float = recognition.COVERAGE,
) -> Reading:
    """Returns the text in a picture: a letter, words or a page.

    Args:
        classifier: the result of `load`.
        picture: a file, a Pillow image, or a uint8 array `[h, w]`, `[h, w, 3]` or `[h, w, 4]`.
        coverage: the share of characters whose `candidates` contain the right class, from .5 to .995. Without
            a calibration it has no effect, and `candidates` are empty.

    Raises:
        UserError: the picture cannot be read, or no letter was found in it.
    """
    if not isinstance(classifier, Classifier):  # pyright: ignore[reportUnnecessaryIsInstance], the user's
        raise UserError(
            "classifier: expected the result of jl.load, found "
            f"{type(classifier).__name__}; load it first"
        )
    if isinstance(picture, str | Path):
        pixels = images.read(files.expand_user(picture))
        return recognition.read(classifier, pixels, str(picture), coverage)
    pixels = images.from_memory(picture, "the picture")
    return recognition.read(classifier, pixels, "the picture", coverage)

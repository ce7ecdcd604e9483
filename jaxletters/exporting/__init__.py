"""What makes a bundle of a finished run: its network in three forms, each checked, and a card."""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxletters import bundle, files, inference, reader
from jaxletters.errors import UserError
from jaxletters.exporting import card, checks, programs, translation, weights
from jaxletters.reading import Reader
from jaxletters.trained import Trained

_NEEDED = ("flatbuffers", "onnx", "safetensors")


def check(target: Path) -> None:
    """Finds what is wrong before anything is loaded.

    Raises:
        UserError: there is something else at `target`, or a package is missing.
    """
    if target.is_dir():
        if any(target.iterdir()) and not bundle.is_all_there_is(target):
            raise UserError(
                f"{target}: expected a bundle, an empty folder or none, found other files; choose another "
                "with --to"
            )
    elif target.exists() or target.is_symlink():
        raise UserError(f"{target}: expected a folder, found none; choose another with --to")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"export: expected {', '.join(missing)}, found none; {bundle.EXTRA}")


def write(run: Trained, target: Path) -> dict[str, Any]:
    """Writes the bundle of a finished run, which takes the place of one that is there.

    Returns:
        its card.

    Raises:
        UserError: as `check`; a form does not compute what the network does; or nothing can be written.
    """
    check(target)
    network = reader.of(run)
    read = programs.function(run.model, run.variables)
    contents = {
        bundle.PROGRAM: programs.serialized(read, network.image_shape),
        bundle.GRAPH: translation.model(read, network.image_shape, network.class_names),
        bundle.WEIGHTS: weights.serialized(run.variables),
    }
    images = checks.images(network.image_shape)
    expected = network.logits(images)
    try:
        with files.replacing_folder(target) as folder:
            agreements = {}
            for name, content in contents.items():
                files.write_bytes(folder / name, content)
                call = _CALLS[name](run, network, folder / name)
                found = call and dataclasses.replace(network, call=call).logits(images)
                agreements[name] = None if found is None else checks.compare(name, found, expected)
            about = card.describe(run, contents, agreements)
            files.write_json(folder / bundle.CARD, about)
    except OSError as error:
        raise files.cannot_write(target, error) from error
    return about


_Call = Callable[[np.ndarray], Any]


def _of_program(run: Trained, network: Reader, path: Path) -> _Call:  # noqa: ARG001, one signature
    return bundle.program(path, network.image_shape, len(network.class_names))


def _of_graph(run: Trained, network: Reader, path: Path) -> _Call | None:  # noqa: ARG001
    """None where ONNX Runtime is not installed, which is not made for every version of Python."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images})[0]


def _of_weights(run: Trained, network: Reader, path: Path) -> _Call:  # noqa: ARG001
    restored = weights.restored(path.read_bytes(), run.variables)
    return functools.partial(inference.evaluation(), run.model, restored)


# From a file of a bundle to what it computes, None where that cannot be found out.
_CALLS: dict[str, Callable[[Trained, Reader, Path], _Call | None]] = {
    bundle.PROGRAM: _of_program,
    bundle.GRAPH: _of_graph,
    bundle.WEIGHTS: _of_weights,
}

"""A bundle: a trained network for use elsewhere, in the three forms that `jaxletters export` writes.

It is read by its compiled form, so neither Flax nor Orbax nor any part of training is imported for it.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jaxletters import backend
from jaxletters.errors import UserError, shown
from jaxletters.files import read_json
from jaxletters.reading import Reader

CARD = "model.json"
PROGRAM, GRAPH, WEIGHTS = "model.stablehlo", "model.onnx", "weights.safetensors"
FORMAT = 1
EXTRA = "pip install 'jaxletters[export]'"

_CONTENT = (PROGRAM, GRAPH, WEIGHTS)


def is_there(folder: Path) -> bool:
    """Returns whether a folder holds a bundle, or what is left of one."""
    return any((folder / name).is_file() for name in (CARD, *_CONTENT))


def is_all_there_is(folder: Path) -> bool:
    """Returns whether a folder holds a bundle and nothing that is not of it."""
    names = {path.name for path in folder.iterdir()}
    return CARD in names and names <= {CARD, *_CONTENT}


def load(folder: Path | str) -> Reader:
    """Returns the network of a bundle, to run on whatever device there is.

    Raises:
        UserError: the bundle is damaged, or of another format or a later version of JAX.
    """
    folder = Path(folder)
    card = read_card(folder)
    shape, names = tuple(card["images"]["shape"]), tuple(card["class_names"])
    return Reader(
        name=card["name"],
        class_names=names,
        image_shape=shape,
        call=program(folder / PROGRAM, shape, len(names)),
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Returns the card of a bundle, once every file that it names is found to be what it says.

    Raises:
        UserError: it is not.
    """
    path = folder / CARD
    _check_is_file(path)
    card = read_json(path)
    found = card.get("format") if isinstance(card, dict) else None
    if found != FORMAT:
        raise UserError(
            f"{path}: expected the card of a bundle of format {FORMAT}, found {shown(f'{found!r:.40}')}; "
            "export the run anew with this version"
        )
    if problem := _problem(card):
        raise UserError(f"{path}: expected {problem}, found something else; export the run anew")
    for name in _CONTENT:
        _check_is_file(folder / name)
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != card["files"][name]["sha256"]:
            raise UserError(
                f"{folder / name}: expected the file of the SHA-256 that {CARD} gives, found another; "
                "copy the bundle again, or export the run anew"
            )
    return card


def program(
    path: Path, shape: tuple[int, int], classes: int
) -> Callable[[jax.Array | np.ndarray], jax.Array]:
    """Returns what a serialized program computes: uint8 images `[b, h, w]` to logits `[b, classes]`.

    Args:
        path: its file.
        shape: (height, width) of its images.
        classes: how many it tells apart.

    Raises:
        UserError: it computes something else, or this version of JAX cannot run it on this backend, or
            what it needs to read it is not installed.
    """
    try:
        exported = jax.export.deserialize(bytearray(path.read_bytes()))
        call = jax.jit(exported.call, compiler_options=backend.options())
        # What the backend or the version cannot run is refused here, and not at the first image.
        result = call.lower(jax.ShapeDtypeStruct((1, *shape), jnp.uint8)).out_info
    except ImportError as error:
        raise UserError(
            f"{path}: expected flatbuffers to read it with, found none; {EXTRA}"
        ) from error
    except Exception as error:  # its type differs with what is wrong
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{path}: expected a program that JAX {jax.__version__} runs on {jax.default_backend()} for "
            f"images of {shape[0]}x{shape[1]}, found none ({shown(f'{reason:.100}')}); update JAX, or "
            "export the run anew with this version"
        ) from error
    if (result.shape, result.dtype) != ((1, classes), jnp.float32):
        raise UserError(
            f"{path}: expected the logits of {classes} classes, found {result.dtype}"
            f"{list(result.shape[1:])}; export the run anew"
        )
    return call


def _check_is_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        found = "a link" if path.is_symlink() else "none"
        raise UserError(
            f"{path}: expected a file of a bundle, found {found}; copy the bundle again, or export the "
            "run anew"
        )


def _problem(card: dict[str, Any]) -> str | None:
    """Returns what a card should have and has not."""
    match card:
        case {
            "name": str(),
            "class_names": [str(), *_] as names,
            "images": {"shape": [int(), int()]},
            "files": dict(files),
        } if all(isinstance(name, str) for name in names):
            pass
        case _:
            return "name, class_names, images.shape and files"
    if set(files) != set(_CONTENT):
        return f"the files {', '.join(_CONTENT)} and no other"
    digests = [file.get("sha256") if isinstance(file, dict) else None for file in files.values()]
    if not all(re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in digests):
        return "a SHA-256 of each file"
    return None

"""Composing the card of a bundle: what its network is, which images it takes, and how accurate it is."""

import dataclasses
import hashlib
from collections.abc import Mapping

import jax
import jax.export
import numpy as np
from numpy.typing import NDArray

from jaxletters.config import serialization
from jaxletters.reading import bundle_card
from jaxletters.reading.bundle_card import (
    GRAPH,
    PROGRAM,
    WEIGHTS,
    Agreement,
    Card,
    File,
    HeldOut,
    Images,
    Ink,
    Program,
)
from jaxletters.runs import manifest
from jaxletters.runs.restore import TrainedRun
from jaxletters.runtime import environment

_PACKAGES = ("jaxletters", "jax", "jaxlib", "flax", "numpy", "onnx", "onnxruntime", "safetensors")
# JAX's promise for exported programs, counted from the days on which the two versions were built.
_SHELF_LIFE = (
    f"JAX promises to run {PROGRAM} in versions released at most six months after JAX {{jax}}, or at "
    "most three weeks before it."
)
_LONGER = " {files} do not depend on the version of JAX; jaxletters reads them where JAX refuses the program."
_USER_CODE = f" {WEIGHTS} can be used with the network's own code only, which is not in the bundle."
_PROBE = (
    "two; value number i of both, in C order and from 0, is the remainder of 7 i i divided by 251"
)


def describe(
    run: TrainedRun,
    contents: Mapping[str, bytes],
    agreements: Mapping[str, Agreement | None],
    left_out: Mapping[str, str],
    probe_logits: NDArray[np.float32],
) -> Card:
    """Returns the card of a run, ready for JSON. It does not contain the path of the run.

    Args:
        run: the finished run.
        contents: the content of each file of the bundle.
        agreements: of each file with the network; None for a file that could not be loaded.
        left_out: why a file that a bundle usually has is missing.
        probe_logits: of the network for `bundle.probe_images`: float32 `[2, classes]`.
    """
    result = run.result
    card: Card = {
        "format": bundle_card.FORMAT,
        "name": run.folder.absolute().name,
        "class_names": run.class_names,
        "non_letter": run.non_letter,
        "unused": run.unused,
        "images": _images(run),
        "network": serialization.to_dict(run.network),
        "parameters": result["parameters"],
        "dataset": result["dataset"],
        "dataset_note": result["dataset_note"],
        "test_examples": result["test_examples"],
        "test_accuracy": result["test_accuracy"],
        "test_accuracy_interval": result["test_accuracy_interval"],
        "fingerprint": result["fingerprint"],
        "held_out": _held_out(run),
        "trained_with": manifest.load(run.folder).environment["versions"],
        "exported_with": environment.versions(_PACKAGES),
        "probe": {"images": _PROBE, "logits": probe_logits.tolist()},
        "files": {name: _file(data, agreements[name]) for name, data in contents.items()},
        "left_out": left_out,
    }
    if "accuracy_of_letters" in result and "refused" in result:
        card["accuracy_of_letters"] = result["accuracy_of_letters"]
        card["refused"] = result["refused"]
    if run.members > 1:
        card["members"] = run.members
    if PROGRAM in contents:
        card["program"] = _program(
            contents[PROGRAM], run.network.defined_by is None, GRAPH in contents
        )
    if run.calibration:
        card["calibration"] = run.calibration.as_dict()
    return card


def _held_out(run: TrainedRun) -> HeldOut:
    return {
        # The list that a run left out is a file of its machine. It does not change what was held out, but a
        # reader that is taught from the bundle may learn from examples in it.
        "split": serialization.to_dict(dataclasses.replace(run.split, leave_out="")),
        "seed": run.seed,
        "training_images": run.training_images,
    }


def _images(run: TrainedRun) -> Images:
    ink: Ink = {"paper": 0, "ink": 255} if len(run.image_shape) == 2 else {}
    return {
        "shape": run.image_shape,
        "fit": run.fit,
        "inverted": run.inverted,
        "dtype": "uint8",
        **ink,
        "orientation": "upright",
    }


def _program(content: bytes, is_package_network: bool, has_graph: bool) -> Program:
    program = jax.export.deserialize(bytearray(content))
    return {
        "calling_convention_version": program.calling_convention_version,
        "platforms": program.platforms,
        "shelf_life": _shelf_life(is_package_network, has_graph),
    }


def _file(content: bytes, agreement: Agreement | None) -> File:
    digest = hashlib.sha256(content).hexdigest()
    return {"bytes": len(content), "sha256": digest, "check": agreement}


def _shelf_life(is_package_network: bool, has_graph: bool) -> str:
    lasting: list[str] = []
    if is_package_network:
        lasting.append(f"{WEIGHTS}, with the settings in network,")
    if has_graph:
        lasting.append(GRAPH)
    text = _SHELF_LIFE.format(jax=jax.__version__)
    if lasting:
        text += _LONGER.format(files=" and ".join(lasting))
    return text if is_package_network else text + _USER_CODE

"""The card of a bundle: what its network is, what it reads, and how well."""

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.export
import numpy as np

from jaxletters.config import serialization
from jaxletters.export.verify import Agreement
from jaxletters.reading import bundle
from jaxletters.runs import manifest
from jaxletters.runs.restore import Trained
from jaxletters.runtime import environment

_PACKAGES = ("jaxletters", "jax", "jaxlib", "flax", "numpy", "onnx", "onnxruntime", "safetensors")
# What the result of a run has under the same names.
_FACTS = (
    "parameters",
    "dataset",
    "dataset_note",
    "test_examples",
    "test_accuracy",
    "test_accuracy_interval",
    "fingerprint",
)

# What JAX promises of exported programs; it counts from the days on which the two versions were built.
_SHELF_LIFE = (
    f"JAX promises to run {bundle.PROGRAM} in versions released at most six months after JAX {{jax}}, or at "
    "most three weeks before it."
)
_LONGER = " {files} do not depend on the version of JAX; jaxletters reads them where JAX refuses the program."
_OWN = (
    f" {bundle.WEIGHTS} can be used with the network's own code only, which is not in the bundle."
)
_PROBE = (
    "two; value number i of both, in C order and from 0, is the remainder of 7 i i divided by 251"
)


def describe(
    run: Trained,
    files: Mapping[str, bytes],
    checks: Mapping[str, Agreement | None],
    left_out: Mapping[str, str],
    logits: np.ndarray,
) -> dict[str, Any]:
    """Returns the card of a run's network, ready for JSON; nothing in it tells where the run lies.

    Args:
        run: the finished run.
        files: the content of the bundle's files by name.
        checks: how close each is to the network; None for what could not be checked.
        left_out: why a file that a bundle usually has is not in this one.
        logits: the network's for `bundle.probe`: float32 `[2, classes]`.
    """
    program = jax.export.deserialize(bytearray(files[bundle.PROGRAM]))
    return {
        "format": bundle.FORMAT,
        "name": run.folder.absolute().name,
        "class_names": run.class_names,
        "images": {
            "shape": run.image_shape,
            "fit": run.fit,
            "inverted": run.inverted,
            "dtype": "uint8",
            **({"paper": 0, "ink": 255} if len(run.image_shape) == 2 else {}),
            "orientation": "upright",
        },
        "network": serialization.to_dict(run.network),
        **{name: run.result[name] for name in _FACTS},
        "trained_with": manifest.read(run.folder).environment["versions"],
        "exported_with": environment.versions(_PACKAGES),
        "program": {
            "calling_convention_version": program.calling_convention_version,
            "platforms": program.platforms,
            "shelf_life": _shelf_life(run.network.defined_by is None, bundle.GRAPH in files),
        },
        "probe": {"images": _PROBE, "logits": logits.tolist()},
        "files": {
            name: {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "check": agreement._asdict() if (agreement := checks[name]) else None,
            }
            for name, content in files.items()
        },
        "left_out": left_out,
    }


def _shelf_life(ours: bool, graph: bool) -> str:
    lasting = [f"{bundle.WEIGHTS}, with the settings in network,"] * ours + [bundle.GRAPH] * graph
    text = _SHELF_LIFE.format(jax=jax.__version__)
    if lasting:
        text += _LONGER.format(files=" and ".join(lasting))
    return text if ours else text + _OWN

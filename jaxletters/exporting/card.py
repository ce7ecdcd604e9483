"""The card of a bundle: what its network is, what it reads, and how well."""

import hashlib
from collections.abc import Mapping
from typing import Any

from jaxletters import bundle, environment, manifest, settings
from jaxletters.exporting.checks import Agreement
from jaxletters.trained import Trained

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


def describe(
    run: Trained, files: Mapping[str, bytes], checks: Mapping[str, Agreement | None]
) -> dict[str, Any]:
    """Returns the card of a run's network, ready for JSON; nothing in it tells where the run lies.

    Args:
        run: the finished run.
        files: the content of the bundle's files by name.
        checks: how close each is to the network; None for what could not be checked.
    """
    return {
        "format": bundle.FORMAT,
        "name": run.folder.absolute().name,
        "class_names": run.class_names,
        "images": {
            "shape": run.image_shape,
            "dtype": "uint8",
            "paper": 0,
            "ink": 255,
            "orientation": "upright",
        },
        "network": settings.to_dict(run.network),
        **{name: run.result[name] for name in _FACTS},
        "trained_with": manifest.read(run.folder).environment["versions"],
        "exported_with": environment.versions(_PACKAGES),
        "files": {
            name: {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "check": agreement._asdict() if (agreement := checks[name]) else None,
            }
            for name, content in files.items()
        },
    }

"""jaxletters: train, trust and use handwriting networks in JAX.

import jaxletters as jl

finished = jl.fit("configs/quickstart.py")
network = jl.load(finished.folder)
network.predict(images).names
jl.read(network, "word.jpg").text
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxletters.api import Finished, fit, load, read
    from jaxletters.models.layers import Conv
    from jaxletters.parts import (
        Augmentation,
        Loss,
        Metric,
        ModelConfig,
        Observer,
        Optimizer,
        Schedule,
        setting,
    )

__version__ = "0.1.0"
__all__ = [
    "Augmentation",
    "Conv",
    "Finished",
    "Loss",
    "Metric",
    "ModelConfig",
    "Observer",
    "Optimizer",
    "Schedule",
    "fit",
    "load",
    "read",
    "setting",
]
_HOMES = dict.fromkeys(__all__, "jaxletters.parts") | {
    **dict.fromkeys(("Finished", "fit", "load", "read"), "jaxletters.api"),
    "Conv": "jaxletters.models.layers",
}


def __getattr__(name: str) -> Any:
    # Only when asked for, because importing JAX takes seconds, which reading a config should not cost.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)

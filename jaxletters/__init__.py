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

__version__ = "0.1.0"
__all__ = ["Finished", "fit", "load", "read"]


def __getattr__(name: str) -> Any:
    # Only when asked for, because importing JAX takes seconds, which reading a config should not cost.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("jaxletters.api"), name)

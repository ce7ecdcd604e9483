"""The forms that a network has in a bundle, each read as a function of images.

What a form needs is imported when it is read: Flax for the weights, ONNX Runtime for the graph.
"""

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from jaxletters.config import user_code
from jaxletters.config.slots import ModelConfig
from jaxletters.core.errors import UserError, printable
from jaxletters.evaluation import inference
from jaxletters.reading import weights
from jaxletters.runtime import xla

PROGRAM, GRAPH, WEIGHTS = "model.stablehlo", "model.onnx", "weights.safetensors"
EXTRA = "pip install 'jaxletters[export]'"

Call = Callable[[np.ndarray], Any]
"""From uint8 images `[b, *image_shape]` to their logits, float32 `[b, classes]`."""


class UnusableError(UserError):
    """A form that is undamaged, but cannot be read here; another one may be."""


class Facts(NamedTuple):
    """What must be known of a network to read it.

    Attributes:
        image_shape: (height, width) of its images, or (height, width, 3).
        classes: how many it tells apart.
        settings: its config as a nested mapping.
        jax: the version of JAX that exported its program.
    """

    image_shape: tuple[int, ...]
    classes: int
    settings: Mapping[str, Any]
    jax: str


def read(path: Path, facts: Facts) -> Call:
    """Returns what the network in one file of a bundle computes.

    Raises:
        UnusableError: this form cannot be read here.
        UserError: it is of another network.
    """
    return {PROGRAM: _program, WEIGHTS: _weights, GRAPH: _graph}[path.name](path, facts)


def _program(path: Path, facts: Facts) -> Call:
    options = xla.compiler_options()
    quiet = facts.jax == jax.__version__ or sys.stderr is None
    try:
        with contextlib.nullcontext() if quiet else _silenced():
            exported = jax.export.deserialize(bytearray(path.read_bytes()))
            _check_ends(path, exported, facts)
            call = jax.jit(exported.call, compiler_options=options)
            # What the backend or the version cannot run is refused here, and not at the first image.
            call.lower(jax.ShapeDtypeStruct((1, *facts.image_shape), jnp.uint8))
    except UserError:
        raise
    except ImportError as error:
        raise _missing(path, "flatbuffers") from error
    except Exception as error:  # its type differs with what is wrong
        raise UnusableError(f"{path.name} {_refusal(facts.jax)} ({reason(error)})") from error
    return call


def _weights(path: Path, facts: Facts) -> Call:
    try:
        from jaxletters.models import networks

        config = user_code.load_part(facts.settings, ModelConfig, None)
        model = networks.build(config, facts.classes, facts.image_shape)
        like = jax.eval_shape(model.init, jax.random.key(0))
        variables = weights.restored(path.read_bytes(), like)
    except ModuleNotFoundError as error:
        raise _missing(path, error.name) from error
    except Exception as error:  # its type differs with what is wrong
        raise UnusableError(
            f"{path.name} makes no network of this version of jaxletters ({reason(error)})"
        ) from error
    variables = jax.device_put(variables, jax.local_devices()[0])
    return functools.partial(inference.compiled_forward(), model, variables)


def _graph(path: Path, facts: Facts) -> Call:  # noqa: ARG001, one signature
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(
            path.read_bytes(), providers=["CPUExecutionProvider"]
        )
    except ModuleNotFoundError as error:
        raise _missing(path, error.name) from error
    except Exception as error:  # its type differs with what is wrong
        raise UnusableError(f"{path.name} is refused by ONNX Runtime ({reason(error)})") from error
    return lambda images: session.run(["logits"], {"images": images})[0]


def reason(error: Exception) -> str:
    """Returns what an error says, for a message: the beginning of its first line."""
    if isinstance(error, KeyError):
        return printable(f"no {error}")
    first = (str(error).splitlines() or [""])[0] or type(error).__name__
    return printable(f"{first:.100}")


def _check_ends(path: Path, exported: jax.export.Exported, facts: Facts) -> None:
    """Raises a UserError if a program does not map such images to so many logits."""
    for what, avals, expected in (
        ("images", exported.in_avals, (facts.image_shape, jnp.uint8)),
        ("logits", exported.out_avals, ((facts.classes,), jnp.float32)),
    ):
        found = [(aval.shape[1:], aval.dtype) for aval in avals]
        if found != [expected]:
            sizes = "x".join(map(str, expected[0]))
            listed = ", ".join(f"{dtype}{list(inner)}" for inner, dtype in found)
            raise UserError(
                f"{path}: expected {what} of {sizes}, as the card says, found {listed}; copy the bundle "
                "again, or export the run again"
            )


def _refusal(made_by: str) -> str:
    """Returns why JAX refuses a program, as far as the two versions tell."""
    exported, here = _release(made_by), _release(jax.__version__)
    if exported < here:
        return f"is of JAX {made_by}, which JAX {jax.__version__} no longer reads"
    if exported > here:
        return f"is of JAX {made_by}, which JAX {jax.__version__} is too old for"
    return f"does not run with JAX {jax.__version__} on {jax.default_backend()}"


def _release(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with."""
    numbers = re.match(r"[\d.]*", version)
    return tuple(int(number) for number in numbers[0].split(".") if number) if numbers else ()


def _missing(path: Path, module: str | None) -> UnusableError:
    package = (module or "").partition(".")[0]
    return UnusableError(f"{path.name} needs {package}, which is not installed ({EXTRA})")


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps off stderr what MLIR writes there, past Python, about a program that it refuses."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

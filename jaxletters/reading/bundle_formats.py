"""The file formats of a bundle, each loaded as a function from images to logits.

Each loader imports what its format needs: Flax for the weights, ONNX Runtime for the graph.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp

from jaxletters.config import user_code
from jaxletters.config.slots import ModelConfig
from jaxletters.core.errors import UserError, printable
from jaxletters.core.types import Json
from jaxletters.reading import safetensors
from jaxletters.reading.bundle_card import GRAPH, PROGRAM, WEIGHTS
from jaxletters.reading.classifier import LogitsFn, compile_network
from jaxletters.runtime import xla

INSTALL_EXTRA = "pip install 'jaxletters[export]'"


class UnusableFormatError(UserError):
    """An undamaged file of a bundle that cannot be used here; another format may be usable."""


class NetworkSpec(NamedTuple):
    """The facts about a network that its loaders need.

    Attributes:
        image_shape: (height, width) of its images, or (height, width, 3).
        num_classes: the length of its logits.
        settings: its config as a nested mapping.
        jax_version: of the JAX that exported its program.
        members: the number of networks of an ensemble; 1 for a single network.
    """

    image_shape: tuple[int, ...]
    num_classes: int
    settings: Mapping[str, Json]
    jax_version: str
    members: int = 1


def load(path: Path, spec: NetworkSpec) -> LogitsFn:
    """Returns the function that the network in one file of a bundle computes.

    Raises:
        UnusableFormatError: the file cannot be used here.
        UserError: the file holds another network.
    """
    loaders: dict[str, Callable[[Path, NetworkSpec], LogitsFn]] = {
        PROGRAM: _load_program,
        WEIGHTS: _load_weights,
        GRAPH: _load_graph,
    }
    return loaders[path.name](path, spec)


def reason(error: Exception) -> str:
    """Returns the beginning of the first line of an error, for a message."""
    if isinstance(error, KeyError):
        return printable(f"no {error}")
    first_line = (str(error).splitlines() or [""])[0] or type(error).__name__
    return printable(f"{first_line:.100}")


def _load_program(path: Path, spec: NetworkSpec) -> LogitsFn:
    options = xla.compiler_options()
    same_version = spec.jax_version == jax.__version__
    try:
        with contextlib.nullcontext() if same_version else _stderr_silenced():
            exported = jax.export.deserialize(bytearray(path.read_bytes()))
            _check_signature(path, exported, spec)
            call = jax.jit(exported.call, compiler_options=options)
            # Raises now, not at the first image, what the backend or the version cannot run.
            call.lower(jax.ShapeDtypeStruct((1, *spec.image_shape), jnp.uint8))
    except UserError:
        raise
    except ImportError as error:
        raise _missing_package(path, "flatbuffers") from error
    except Exception as error:  # the type depends on the version
        why = _version_mismatch(spec.jax_version)
        raise UnusableFormatError(f"{path.name} {why} ({reason(error)})") from error
    return call


def _load_weights(path: Path, spec: NetworkSpec) -> LogitsFn:
    try:
        from jaxletters.models import ensembles, networks

        config = user_code.load_part(spec.settings, ModelConfig, None)
        model = networks.build(config, spec.num_classes, spec.image_shape)
        if spec.members > 1:
            model = ensembles.build(model, spec.members)
        template = jax.eval_shape(model.init, jax.random.key(0))
        variables = safetensors.deserialize(path.read_bytes(), template)
    except ModuleNotFoundError as error:
        raise _missing_package(path, error.name) from error
    except Exception as error:  # the type depends on what differs
        raise UnusableFormatError(
            f"{path.name} does not fit a network of this version of jaxletters ({reason(error)})"
        ) from error
    return compile_network(model, variables)


def _load_graph(path: Path, spec: NetworkSpec) -> LogitsFn:  # noqa: ARG001, one signature
    try:
        import onnxruntime

        session: Any = onnxruntime.InferenceSession(
            path.read_bytes(), providers=["CPUExecutionProvider"]
        )
    except ModuleNotFoundError as error:
        raise _missing_package(path, error.name) from error
    except Exception as error:  # the type depends on the version
        raise UnusableFormatError(
            f"{path.name} is refused by ONNX Runtime ({reason(error)})"
        ) from error

    return lambda images: session.run(["logits"], {"images": images})[0]


def _check_signature(path: Path, exported: jax.export.Exported, spec: NetworkSpec) -> None:
    """Raises a UserError unless a program maps uint8 images to float32 logits of the sizes in `spec`."""
    for what, avals, expected in (
        ("images", exported.in_avals, (spec.image_shape, jnp.uint8)),
        ("logits", exported.out_avals, ((spec.num_classes,), jnp.float32)),
    ):
        found = [(aval.shape[1:], aval.dtype) for aval in avals]
        if found != [expected]:
            sizes = "x".join(map(str, expected[0]))
            listed = ", ".join(f"{dtype}{list(shape)}" for shape, dtype in found)
            raise UserError(
                f"{path}: expected {what} of {sizes}, as the card says, found {listed}; copy the bundle "
                "again, or export the run again"
            )


def _version_mismatch(exported_by: str) -> str:
    """Returns the probable reason why JAX refuses a program, from the two versions."""
    exported, installed = _release(exported_by), _release(jax.__version__)
    if exported < installed:
        return f"is of JAX {exported_by}, which JAX {jax.__version__} no longer reads"
    if exported > installed:
        return f"is of JAX {exported_by}, which JAX {jax.__version__} is too old for"
    return f"does not run with JAX {jax.__version__} on {jax.default_backend()}"


def _release(version: str) -> tuple[int, ...]:
    """Returns the numbers at the beginning of a version, such as (0, 7, 2)."""
    numbers = re.match(r"[\d.]*", version)
    return tuple(int(number) for number in numbers[0].split(".") if number) if numbers else ()


def _missing_package(path: Path, module: str | None) -> UnusableFormatError:
    package = (module or "").partition(".")[0]
    return UnusableFormatError(
        f"{path.name} needs {package}, which is not installed ({INSTALL_EXTRA})"
    )


@contextlib.contextmanager
def _stderr_silenced() -> Generator[None]:
    """Discards what MLIR writes to file descriptor 2, past Python, about a program that it refuses."""
    if sys.stderr is None:  # in a process without a terminal
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as devnull:
            os.dup2(devnull.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)

"""Writing the bundle of a finished run: its network in three formats, each verified, and a card."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxletters.config import serialization, user_modules
from jaxletters.core.errors import UserError
from jaxletters.export import card, stablehlo, verify
from jaxletters.export.onnx import translation
from jaxletters.export.onnx.primitives import UntranslatableError
from jaxletters.reading import bundle, bundle_formats, loader, safetensors
from jaxletters.reading.bundle_card import CARD, GRAPH, PROGRAM, WEIGHTS, Agreement, Card
from jaxletters.reading.bundle_formats import NetworkSpec
from jaxletters.reading.classifier import Classifier
from jaxletters.runs.restore import TrainedRun
from jaxletters.runtime import files

# Of the logits of kernels in half precision, with 11 bits: the largest difference relative to the largest
# logit, and the least share of images with the same class.
_COMPACT_TOLERANCE, _COMPACT_SAME = 0.02, 0.995
_PACKAGES = ("flatbuffers", "onnx", "safetensors")


def check(target: Path) -> None:
    """Checks the target and the installed packages, before anything is loaded.

    Raises:
        UserError: `target` is a file or a folder with other files, or a package is missing.
    """
    if target.is_dir():
        if any(target.iterdir()) and not bundle.holds_only_bundle(target):
            raise UserError(
                f"{target}: expected a bundle, an empty folder or no folder, found other files; choose "
                "another with --to"
            )
    elif target.exists() or target.is_symlink():
        raise UserError(
            f"{target}: expected a folder, found a file or a broken link; choose another with --to"
        )
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"export: needs {', '.join(missing)}, which is not installed ({bundle_formats.INSTALL_EXTRA})"
        )


def write(run: TrainedRun, target: Path, compact: bool = False) -> Card:
    """Writes the bundle of a finished run, replacing a bundle at `target`, and returns its card.

    Args:
        run: the finished run.
        target: the folder of the bundle.
        compact: whether to write the weights alone, with kernels in half precision. The probe in the card
            then has the logits of the rounded network.

    Raises:
        UserError: as for `check`; a file does not compute what the network does; or the disk refuses.
    """
    check(target)
    classifier = loader.from_run(run)
    forms = _compact(run) if compact else _all_forms(run, classifier)
    images = verify.sample_images(classifier.image_shape)
    expected = classifier.logits(images)
    probe_logits = forms.classifier.logits(bundle.probe_images(classifier.image_shape))
    settings = serialization.to_dict(run.network)
    spec = NetworkSpec(
        classifier.image_shape,
        len(classifier.class_names),
        settings,
        jax.__version__,
        run.members,
    )
    try:
        with files.atomic_folder(target) as folder:
            agreements: dict[str, Agreement | None] = {}
            for name, content in forms.contents.items():
                files.write_bytes(folder / name, content)
                loaded = _load(folder / name, spec, classifier)
                agreements[name] = loaded and verify.compare(
                    name, loaded.logits(images), expected, forms.tolerance, forms.least_same
                )
            content = card.describe(run, forms.contents, agreements, forms.left_out, probe_logits)
            files.write_json(folder / CARD, content)
    except OSError as error:
        raise files.write_error(target, error) from error
    return content


class _Forms(NamedTuple):
    """The forms of a network in a bundle.

    Attributes:
        contents: the content of each file but the card.
        left_out: why a file is left out.
        classifier: the network that they compute.
        tolerance: the largest difference from the logits of the run's network, relative to the largest.
        least_same: the least share of images with the same class.
    """

    contents: dict[str, bytes]
    left_out: dict[str, str]
    classifier: Classifier
    tolerance: float = bundle.TOLERANCE
    least_same: float = 1.0


def _all_forms(run: TrainedRun, classifier: Classifier) -> _Forms:
    """Returns the program, the weights and, if it can be translated, the graph."""
    shape = classifier.image_shape
    logits = stablehlo.for_any_batch(stablehlo.logits_fn(run.model, run.variables), shape)
    contents = {
        PROGRAM: stablehlo.serialize(logits, shape),
        WEIGHTS: safetensors.serialize(run.variables),
    }
    left_out: dict[str, str] = {}
    try:
        contents[GRAPH] = translation.translate(
            logits,
            shape,
            classifier.class_names,
            run.calibration,
            run.non_letter,
            run.unused,
        )
    except UntranslatableError as error:
        left_out[GRAPH] = str(error)
    except (
        Exception
    ) as error:  # a user's network may use a primitive in a form that was never tested
        if run.network.defined_by is None:
            raise
        left_out[GRAPH] = f"no translation ({user_modules.describe_error(error)})"
    return _Forms(contents, left_out, classifier)


def _compact(run: TrainedRun) -> _Forms:
    """Returns the weights alone, with kernels in half precision.

    The other arrays, biases and statistics, are few, and some have a wide range.

    Raises:
        UserError: the network is a user's.
    """
    if run.network.defined_by is not None:
        raise UserError(
            f"{run.folder}: expected a network of this package for a compact bundle, found one with its own "
            "code, which a bundle does not contain; leave --compact out"
        )

    def halve(leaf: NDArray[Any]) -> NDArray[Any]:
        return leaf.astype(np.float16) if leaf.ndim > 1 else leaf

    def widen(leaf: NDArray[Any], original: NDArray[Any]) -> NDArray[Any]:
        return leaf.astype(original.dtype)

    half = jax.tree.map(halve, run.variables)
    rounded = run._replace(variables=jax.tree.map(widen, half, run.variables))
    return _Forms(
        {WEIGHTS: safetensors.serialize(half)},
        {},
        loader.from_run(rounded),
        _COMPACT_TOLERANCE,
        _COMPACT_SAME,
    )


def _load(path: Path, spec: NetworkSpec, classifier: Classifier) -> Classifier | None:
    """Returns the network of a file, None if it cannot be loaded here.

    That is the graph on a version of Python without ONNX Runtime, and the weights of a user's network,
    whose code is not in the bundle.
    """
    if path.name == GRAPH and importlib.util.find_spec("onnxruntime") is None:
        return None
    if path.name == WEIGHTS and not isinstance(spec.settings["class"], str):
        return None
    return dataclasses.replace(classifier, logits_fn=bundle_formats.load(path, spec))

"""Writing the bundle of a finished run: its network in three formats, each verified, and a card."""

import dataclasses
import importlib.util
from pathlib import Path

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


def write(run: TrainedRun, target: Path) -> Card:
    """Writes the bundle of a finished run, replacing a bundle at `target`, and returns its card.

    Raises:
        UserError: as for `check`; a file does not compute what the network does; or the disk refuses.
    """
    check(target)
    classifier = loader.from_run(run)
    contents, left_out = _serialize(run, classifier)
    images = verify.sample_images(classifier.image_shape)
    expected = classifier.logits(images)
    probe_logits = classifier.logits(bundle.probe_images(classifier.image_shape))
    settings = serialization.to_dict(run.network)
    spec = NetworkSpec(
        classifier.image_shape, len(classifier.class_names), settings, jax.__version__
    )
    try:
        with files.atomic_folder(target) as folder:
            agreements: dict[str, Agreement | None] = {}
            for name, content in contents.items():
                files.write_bytes(folder / name, content)
                agreements[name] = _verify(folder / name, spec, classifier, images, expected)
            content = card.describe(run, contents, agreements, left_out, probe_logits)
            files.write_json(folder / CARD, content)
    except OSError as error:
        raise files.write_error(target, error) from error
    return content


def _serialize(run: TrainedRun, classifier: Classifier) -> tuple[dict[str, bytes], dict[str, str]]:
    """Returns the content of each file but the card, and why a file is left out."""
    shape = classifier.image_shape
    logits = stablehlo.for_any_batch(stablehlo.logits_fn(run.model, run.variables), shape)
    contents = {
        PROGRAM: stablehlo.serialize(logits, shape),
        WEIGHTS: safetensors.serialize(run.variables),
    }
    left_out: dict[str, str] = {}
    try:
        contents[GRAPH] = translation.translate(logits, shape, classifier.class_names)
    except UntranslatableError as error:
        left_out[GRAPH] = str(error)
    except (
        Exception
    ) as error:  # a user's network may use a primitive in a form that was never tested
        if run.network.defined_by is None:
            raise
        left_out[GRAPH] = f"no translation ({user_modules.describe_error(error)})"
    return contents, left_out


def _verify(
    path: Path,
    spec: NetworkSpec,
    classifier: Classifier,
    images: NDArray[np.uint8],
    expected: NDArray[np.float32],
) -> Agreement | None:
    """Returns how well a file agrees with the network, None for a file that cannot be loaded here.

    That is the graph on a version of Python without ONNX Runtime, and the weights of a user's network,
    whose code is not in the bundle.
    """
    if path.name == GRAPH and importlib.util.find_spec("onnxruntime") is None:
        return None
    if path.name == WEIGHTS and not isinstance(spec.settings["class"], str):
        return None
    loaded = dataclasses.replace(classifier, logits_fn=bundle_formats.load(path, spec))
    return verify.compare(path.name, loaded.logits(images), expected)

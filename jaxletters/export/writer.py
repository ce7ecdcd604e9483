"""What makes a bundle of a finished run: its network in three forms, each checked, and a card."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxletters.config import serialization, user_modules
from jaxletters.core.errors import UserError
from jaxletters.export import card, stablehlo, verify
from jaxletters.export.onnx import translation
from jaxletters.export.onnx.primitives import UntranslatableError
from jaxletters.export.verify import Agreement
from jaxletters.reading import bundle, bundle_forms, loader, weights
from jaxletters.reading.bundle_forms import Facts
from jaxletters.reading.classifier import Classifier
from jaxletters.runs.restore import Trained
from jaxletters.runtime import files

_NEEDED = ("flatbuffers", "onnx", "safetensors")


def check(target: Path) -> None:
    """Finds what is wrong before anything is loaded.

    Raises:
        UserError: there is something else at `target`, or a package is missing.
    """
    if target.is_dir():
        if any(target.iterdir()) and not bundle.is_all_there_is(target):
            raise UserError(
                f"{target}: expected a bundle, an empty folder or none, found other files; choose another "
                "with --to"
            )
    elif target.exists() or target.is_symlink():
        raise UserError(f"{target}: expected a folder, found none; choose another with --to")
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"export: expected {', '.join(missing)}, found none; {bundle_forms.EXTRA}")


def write(run: Trained, target: Path) -> dict[str, Any]:
    """Writes the bundle of a finished run, which takes the place of one that is there.

    Returns:
        its card.

    Raises:
        UserError: as `check`; a form does not compute what the network does; or nothing can be written.
    """
    check(target)
    classifier = loader.of(run)
    read = stablehlo.for_any_batch(
        stablehlo.function(run.model, run.variables), classifier.image_shape
    )
    contents = {
        bundle.PROGRAM: stablehlo.serialized(read, classifier.image_shape),
        bundle.WEIGHTS: weights.serialized(run.variables),
    }
    left_out = {}
    try:
        contents[bundle.GRAPH] = translation.model(
            read, classifier.image_shape, classifier.class_names
        )
    except UntranslatableError as error:
        left_out[bundle.GRAPH] = str(error)
    except Exception as error:  # of a primitive in a form that this project's networks do not have
        if run.network.defined_by is None:
            raise
        left_out[bundle.GRAPH] = f"no translation ({user_modules.describe_error(error)})"
    images = verify.images(classifier.image_shape)
    expected = classifier.logits(images)
    probe = bundle.probe(classifier.image_shape)
    facts = Facts(
        classifier.image_shape,
        len(classifier.class_names),
        serialization.to_dict(run.network),
        jax.__version__,
    )
    try:
        with files.atomic_folder(target) as folder:
            agreements = {}
            for name, content in contents.items():
                files.write_bytes(folder / name, content)
                agreements[name] = _agreement(folder / name, facts, classifier, images, expected)
            about = card.describe(run, contents, agreements, left_out, classifier.logits(probe))
            files.write_json(folder / bundle.CARD, about)
    except OSError as error:
        raise files.write_error(target, error) from error
    return about


def _agreement(
    path: Path, facts: Facts, classifier: Classifier, images: np.ndarray, expected: np.ndarray
) -> Agreement | None:
    """Returns how close a file's logits are to the network's, None for what cannot be read here.

    ONNX Runtime is not made for every version of Python, and what builds a network of a user's from its
    weights is in no bundle.
    """
    if path.name == bundle_forms.GRAPH and importlib.util.find_spec("onnxruntime") is None:
        return None
    if path.name == bundle_forms.WEIGHTS and not isinstance(facts.settings["class"], str):
        return None
    found = dataclasses.replace(classifier, call=bundle_forms.read(path, facts))
    return verify.compare(path.name, found.logits(images), expected)

"""Loading a bundle: an exported network as a StableHLO program, weights and an ONNX graph.

The program needs JAX alone, so neither Flax nor Orbax nor training code is imported. The other formats
replace it where this version of JAX refuses it. A compact bundle has the weights alone.
"""

import math
import sys
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray

from jaxletters.core.errors import UserError
from jaxletters.data.formats import alphabets
from jaxletters.evaluation import conformal
from jaxletters.reading import bundle_card, bundle_formats
from jaxletters.reading.bundle_card import CARD, FILES, GRAPH, PROGRAM, WEIGHTS, Card
from jaxletters.reading.bundle_formats import NetworkSpec, UnusableFormatError
from jaxletters.reading.classifier import Classifier

# The largest difference of logits, relative to the largest logit, since rounding errors grow with the terms
# of the sums. The forms of convolution in `ops` differ by a few parts in a million per layer; accelerators
# round the factors of products to 8 or 11 bits.
TOLERANCE, _ACCELERATOR_TOLERANCE = 1e-4, 0.05


def holds_bundle(folder: Path) -> bool:
    """Returns whether a folder holds a bundle or any file of one."""
    return any((folder / name).is_file() for name in (CARD, *FILES))


def holds_only_bundle(folder: Path) -> bool:
    """Returns whether a folder holds a bundle and no other files."""
    names = {path.name for path in folder.iterdir()}
    return CARD in names and names <= {CARD, *FILES}


def load(folder: Path | str) -> Classifier:
    """Returns the network of a bundle, to run on the available device.

    It runs the program. If this version of JAX refuses that, it runs the weights or else the graph, and
    one line on stderr says which and why.

    Raises:
        UserError: the bundle is damaged or of another format, or none of its files is usable here.
    """
    folder = Path(folder)
    card = bundle_card.load(folder)
    refusals: list[str] = []
    for name in (PROGRAM, WEIGHTS, GRAPH):
        if name not in card["files"]:
            continue
        try:
            classifier = _load_file(folder / name, card)
        except UnusableFormatError as error:
            refusals.append(str(error))
            continue
        if refusals:
            unchecked = (
                "" if "probe" in card else ". Its card is of format 1 and cannot confirm that"
            )
            # On stderr, because stdout may be JSON.
            print(
                f"{folder}: reads with {name}, because {'; '.join(refusals)}{unchecked}",
                file=sys.stderr,
            )
        return classifier
    exported_by = card["exported_with"]["jax"]
    remedy = (
        bundle_formats.INSTALL_EXTRA
        if exported_by == jax.__version__
        else f"install jax=={exported_by}"
    )
    raise UserError(
        f"{folder}: expected a form of the network that can be loaded here, found no such form "
        f"({'; '.join(refusals)}); {remedy}, or export the run again with this version"
    )


def probe_images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Returns the images whose logits the card of a bundle holds: uint8 `[2, *shape]`.

    The card describes them by a formula, so any language can compute them.
    """
    numbers = np.arange(2 * math.prod(shape))
    return (7 * numbers**2 % 251).astype(np.uint8).reshape(2, *shape)


def _load_file(path: Path, card: Card) -> Classifier:
    """Returns the network from one file of its bundle, after comparing its logits with those in the card.

    The program is not compared if the JAX version that exported it runs it.

    Raises:
        UnusableFormatError: the file cannot be used here, or does not compute the logits in the card.
        UserError: the file holds another network.
    """
    shape = tuple(card["images"]["shape"])
    spec = NetworkSpec(
        shape,
        len(card["class_names"]),
        card["network"],
        str(card["exported_with"]["jax"]),
        card.get("members", 1),
    )
    names = tuple(card["class_names"])
    classifier = Classifier(
        name=card["name"],
        class_names=names,
        image_shape=shape,
        # Before format 4 all networks were for EMNIST's letters.
        fit=card["images"].get("fit", "emnist"),
        inverted=card["images"].get("inverted", False),
        non_letter=card.get("non_letter"),
        unused=tuple(card["unused"]) if "unused" in card else alphabets.unused(names),
        calibration=conformal.parse(card.get("calibration"), len(card["class_names"])),
        logits_fn=bundle_formats.load(path, spec),
        members=spec.members,
    )
    if path.name == PROGRAM and spec.jax_version == jax.__version__:
        return classifier
    try:
        logits = classifier.logits(probe_images(shape))
    except Exception as error:  # the type depends on the format
        reason = bundle_formats.reason(error)
        raise UnusableFormatError(f"{path.name} does not run here ({reason})") from error
    if "probe" in card:
        _check_logits(path.name, logits, np.array(card["probe"]["logits"]))
    return classifier


def _check_logits(name: str, logits: NDArray[np.float32], expected: NDArray[np.float64]) -> None:
    tolerance = TOLERANCE if jax.default_backend() == "cpu" else _ACCELERATOR_TOLERANCE
    limit = tolerance * np.abs(expected).max()
    same_shape = logits.shape == expected.shape
    difference = np.abs(logits - expected).max() if same_shape else np.inf
    if not difference <= limit:  # also true for NaN
        raise UnusableFormatError(
            f"{name} gives other logits than its card has (differences up to {difference:.1e}, expected "
            f"at most {limit:.1e})"
        )

"""A bundle: a trained network for use elsewhere, in the three forms that `jaxletters export` writes.

It is read by its program, so neither Flax nor Orbax nor any part of training is imported for it, unless
this version of JAX refuses the program.
"""

import hashlib
import math
import re
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxletters.config.slots import FITS
from jaxletters.core.errors import UserError, printable
from jaxletters.reading import bundle_forms
from jaxletters.reading.bundle_forms import GRAPH, PROGRAM, WEIGHTS, Facts, UnusableError
from jaxletters.reading.classifier import Classifier
from jaxletters.runtime.files import load_json

CARD = "model.json"
FORMAT = 4
# How far logits may differ, of the largest one, because rounding errors are as large as the numbers that
# are added up. The forms that a convolution takes here differ by a few parts in a million from layer to
# layer; accelerators round the factors of products to 8 or 11 bits.
TOLERANCE, _COARSE_TOLERANCE = 1e-4, 0.05

_CONTENT = (PROGRAM, GRAPH, WEIGHTS)


def is_there(folder: Path) -> bool:
    """Returns whether a folder holds a bundle, or what is left of one."""
    return any((folder / name).is_file() for name in (CARD, *_CONTENT))


def is_all_there_is(folder: Path) -> bool:
    """Returns whether a folder holds a bundle and nothing that is not of it."""
    names = {path.name for path in folder.iterdir()}
    return CARD in names and names <= {CARD, *_CONTENT}


def load(folder: Path | str) -> Classifier:
    """Returns the network of a bundle, to run on whatever device there is.

    Its program is what runs. Where this version of JAX refuses that, the weights do, or the graph, and
    one line on stderr says which and why.

    Raises:
        UserError: the bundle is damaged or of another format, or none of its forms can be read here.
    """
    folder = Path(folder)
    card = read_card(folder)
    refusals = []
    for name in (PROGRAM, WEIGHTS, GRAPH):
        if name not in card["files"]:
            continue
        try:
            classifier = _read(folder, name, card)
        except UnusableError as error:
            refusals.append(str(error))
            continue
        if refusals:
            checked = "" if "probe" in card else ". Its card is of format 1 and cannot confirm that"
            why = "; ".join(refusals)
            # Not on stdout, which may be JSON.
            print(f"{folder}: reads with {name}, because {why}{checked}", file=sys.stderr)
        return classifier
    made_by = _facts(card).jax
    way = bundle_forms.EXTRA if made_by == jax.__version__ else f"install jax=={made_by}"
    raise UserError(
        f"{folder}: expected a form of the network that can be read here, found none "
        f"({'; '.join(refusals)}); {way}, or export the run again with this version"
    )


def probe(shape: tuple[int, ...]) -> np.ndarray:
    """Returns the images whose logits the card of a bundle has: uint8 `[2, *shape]`.

    They can be made of their description in any language, today and later.
    """
    numbers = np.arange(2 * math.prod(shape))
    return (7 * numbers**2 % 251).astype(np.uint8).reshape(2, *shape)


def _read(folder: Path, name: str, card: dict[str, Any]) -> Classifier:
    """Returns a network read from one file of its bundle, checked by the logits that the card has.

    The program is not checked where the very JAX runs it that ran it when it was exported.

    Raises:
        UnusableError: this form cannot be read here, or does not compute what the card says.
        UserError: it is of another network.
    """
    facts = _facts(card)
    classifier = Classifier(
        name=card["name"],
        class_names=tuple(card["class_names"]),
        image_shape=facts.image_shape,
        # Cards before format 4 are of networks for letters.
        fit=card["images"].get("fit", "emnist"),
        inverted=bool(card["images"].get("inverted")),
        call=bundle_forms.read(folder / name, facts),
    )
    if name == PROGRAM and facts.jax == jax.__version__:
        return classifier
    try:
        found = classifier.logits(probe(facts.image_shape))
    except Exception as error:  # its type differs with what is wrong
        raise UnusableError(f"{name} does not run here ({bundle_forms.reason(error)})") from error
    # Cards of format 1 have no logits.
    if expected := card.get("probe"):
        _check_logits(name, found, np.array(expected["logits"]))
    return classifier


def _check_logits(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    tolerance = TOLERANCE if jax.default_backend() == "cpu" else _COARSE_TOLERANCE
    limit = tolerance * np.abs(expected).max()
    difference = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
    # Not the other way round: NaN is not within any limit.
    if not difference <= limit:
        raise UnusableError(
            f"{name} gives other logits than its card has (differences up to {difference:.1e}, expected "
            f"at most {limit:.1e})"
        )


def _facts(card: dict[str, Any]) -> Facts:
    return Facts(
        image_shape=tuple(card["images"]["shape"]),
        classes=len(card["class_names"]),
        settings=card["network"],
        jax=card["exported_with"]["jax"],
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Returns the card of a bundle, once every file that it names is found to be what it says.

    Raises:
        UserError: it is not.
    """
    path = folder / CARD
    _check_is_file(path)
    card = load_json(path)
    found = card.get("format") if isinstance(card, dict) else None
    if found not in range(1, FORMAT + 1):
        raise UserError(
            f"{path}: expected the card of a bundle of format 1 to {FORMAT}, found "
            f"{printable(f'{found!r:.40}')}; export the run again with this version"
        )
    if problem := _problem(card):
        raise UserError(f"{path}: expected {problem}, found something else; export the run anew")
    for name in card["files"]:
        _check_is_file(folder / name)
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != card["files"][name]["sha256"]:
            raise UserError(
                f"{folder / name}: expected the file of the SHA-256 that {CARD} gives, found another; "
                "copy the bundle again, or export the run anew"
            )
    return card


def _check_is_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        found = "a link" if path.is_symlink() else "none"
        raise UserError(
            f"{path}: expected a file of a bundle, found {found}; copy the bundle again, or export the "
            "run anew"
        )


def _problem(card: dict[str, Any]) -> str | None:
    """Returns what a card should have and has not."""
    match card:
        case {
            "name": str(),
            "class_names": [str(), *_] as names,
            "images": {"shape": [int(), int(), *_] as shape},
            "network": dict(),
            "exported_with": {"jax": str() as made_by},
            "files": dict(files),
        } if (
            all(isinstance(name, str) for name in names)
            and (len(shape) == 2 or shape[2:] == [3])
            and min(shape) > 0
            and card["images"].get("fit", "emnist") in FITS
            and re.fullmatch(r"[\w.+-]+", made_by)
        ):
            pass
        case _:
            return "name, class_names, images.shape, network, exported_with.jax and files"
    if card["format"] > 1 and not _has_logits(card, len(names)):
        return f"probe.logits, two times {len(names)} numbers"
    if not {PROGRAM, WEIGHTS} <= set(files) <= set(_CONTENT):
        return f"the files {PROGRAM} and {WEIGHTS}, perhaps {GRAPH}, and no other"
    digests = [file.get("sha256") if isinstance(file, dict) else None for file in files.values()]
    if not all(re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in digests):
        return "a SHA-256 of each file"
    return None


def _has_logits(card: dict[str, Any], classes: int) -> bool:
    match card:
        case {"probe": {"logits": [[*first], [*second]]}}:
            numbers = [*first, *second]
            sizes = len(first), len(second)
            return sizes == (classes, classes) and all(type(x) in (int, float) for x in numbers)
    return False

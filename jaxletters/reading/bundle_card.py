"""The card of a bundle, `model.json`: its keys, and the validation of a card and the files that it lists."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from jaxletters.config import serialization
from jaxletters.config.schema import Split
from jaxletters.config.slots import FITS
from jaxletters.core.errors import UserError, printable
from jaxletters.core.types import Json
from jaxletters.evaluation import conformal
from jaxletters.evaluation.conformal import Stored
from jaxletters.runtime.files import load_json

CARD = "model.json"
PROGRAM, GRAPH, WEIGHTS = "model.stablehlo", "model.onnx", "weights.safetensors"
FILES = (PROGRAM, GRAPH, WEIGHTS)
FORMAT = 5
"""The version of the cards that this version writes. It loads all versions up to this one."""


class Ink(TypedDict, total=False):
    """The pixel values of grey images."""

    paper: int
    ink: int


class Images(Ink):
    """The images that the network takes; `fit` and `inverted` since format 4."""

    shape: Sequence[int]
    fit: NotRequired[str]
    inverted: NotRequired[bool]
    dtype: str
    orientation: str


class Program(TypedDict):
    """The StableHLO program."""

    calling_convention_version: int
    platforms: Sequence[str]
    shelf_life: str


class Probe(TypedDict):
    """The logits of two images that `bundle.probe_images` computes from their description."""

    images: str
    logits: list[list[float]]


class Agreement(TypedDict):
    """The agreement of a file with the network that was exported.

    Attributes:
        images: number of images that both classified.
        largest_difference: between logits of the same image and class.
        largest_logit: of the network, in magnitude.
        same_class: number of images with the same class.
    """

    images: int
    largest_difference: float
    largest_logit: float
    same_class: int


class HeldOut(TypedDict):
    """Which examples of the dataset were validation examples; `jaxletters teach` calibrates with them.

    Attributes:
        split: of the run's config.
        seed: of the run's config.
        training_images: SHA-256 of the images of the training split, in hex: with others, split and seed
            choose other examples.
    """

    split: Mapping[str, Json]
    seed: int
    training_images: str


class File(TypedDict):
    """A file of the bundle; `check` is None where the export could not load it."""

    bytes: int
    sha256: str
    check: Agreement | None


class Card(TypedDict):
    """The content of `model.json`.

    Cards of format 1 have neither `program` nor `probe`; `program` is also missing where the bundle has no
    program. `non_letter` and `unused`, labels that are no answer, are there since format 5,
    `accuracy_of_letters` and `refused` where the network knows non-letters. Earlier cards lack `held_out`.
    `members` is the number of networks of an ensemble. `calibration` is missing for runs without validation
    examples. `load` validates the keys that loading a network needs; the others are information for people.
    """

    format: int
    name: str
    class_names: Sequence[str]
    non_letter: NotRequired[int | None]
    unused: NotRequired[Sequence[int]]
    images: Images
    network: Mapping[str, Json]
    members: NotRequired[int]
    parameters: int
    dataset: str
    dataset_note: str
    test_examples: int
    test_accuracy: float
    test_accuracy_interval: Sequence[float]
    accuracy_of_letters: NotRequired[float]
    refused: NotRequired[float]
    fingerprint: str
    held_out: NotRequired[HeldOut]
    trained_with: Mapping[str, str | None]
    exported_with: Mapping[str, str | None]
    program: NotRequired[Program]
    probe: NotRequired[Probe]
    calibration: NotRequired[Stored]
    files: Mapping[str, File]
    left_out: Mapping[str, str]


def load(folder: Path) -> Card:
    """Returns the card of a bundle after validating it and the SHA-256 of each file that it lists.

    Raises:
        UserError: the card is invalid or of an unknown format, or a file is missing, a link or damaged.
    """
    path = folder / CARD
    _check_is_file(path)
    content: Json = load_json(path)
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(content, dict) or version not in range(1, FORMAT + 1):
        raise UserError(
            f"{path}: expected the card of a bundle of format 1 to {FORMAT}, found "
            f"{printable(f'{version!r:.40}')}; export the run again with this version"
        )
    if problem := _problem(content):
        raise UserError(f"{path}: expected {problem}, found something else; export the run again")
    card = cast(Card, content)
    for name, file in card["files"].items():
        _check_is_file(folder / name)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != file["sha256"]:
            raise UserError(
                f"{folder / name}: expected the file with the SHA-256 in {CARD}, found a different one; "
                "copy the bundle again, or export the run again"
            )
    return card


def _check_is_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        found = "a link" if path.is_symlink() else "no file"
        raise UserError(
            f"{path}: expected a file of a bundle, found {found}; copy the bundle again, or export the run "
            "again"
        )


def _problem(card: dict[str, Json]) -> str | None:
    """Returns which requirement a card violates, None for a valid card."""
    match card:
        case {
            "name": str(),
            "class_names": [str(), *_] as names,
            "images": {"shape": [int(), int(), *_] as shape, **images},
            "network": dict(),
            "exported_with": {"jax": str() as jax_version},
            "files": dict(files),
        } if (
            all(isinstance(name, str) for name in names)
            and (len(shape) == 2 or shape[2:] == [3])
            and all(isinstance(size, int) and size > 0 for size in shape)
            and images.get("fit", "emnist") in FITS
            and re.fullmatch(r"[\w.+-]+", jax_version)
        ):
            pass
        case _:
            return "name, class_names, images.shape, network, exported_with.jax and files"
    labels = range(len(names))
    non_letter = card.get("non_letter")
    if non_letter is not None and (type(non_letter) is not int or non_letter not in labels):
        return f"non_letter, null or a label below {len(names)}"
    match card.get("unused", []):
        case [*unused] if set(map(type, unused)) <= {int} and set(unused) < set(labels):
            pass
        case _:
            return f"unused, some of the labels below {len(names)}"
    members = card.get("members", 1)
    if type(members) is not int or members < 1:
        return "members, a number of networks"
    if "held_out" in card and not _has_split(card["held_out"]):
        return "held_out, with the split and the seed of a config and training_images"
    if card["format"] != 1 and not _has_logits(card, len(names)):
        return f"probe.logits, two times {len(names)} numbers"
    if not {WEIGHTS} <= set(files) <= set(FILES):
        return f"the file {WEIGHTS}, optionally {PROGRAM} and {GRAPH}, and no other"
    if "calibration" in card and conformal.parse(card["calibration"], len(names)) is None:
        return f"calibration, the thresholds of {len(names)} classes"
    digests = [file.get("sha256") if isinstance(file, dict) else None for file in files.values()]
    if not all(re.fullmatch("[0-9a-f]{64}", str(digest)) for digest in digests):
        return "a SHA-256 of each file"
    return None


def _has_split(held_out: Json) -> bool:
    match held_out:
        case {"seed": int(), "training_images": str(), "split": dict(values)}:
            try:
                split = serialization.instantiate(values, Split)
            except (KeyError, TypeError, AttributeError):
                return False
            return type(split.validation_per_class) is int and type(split.limit) is int
        case _:
            return False


def _has_logits(card: dict[str, Json], num_classes: int) -> bool:
    match card:
        case {"probe": {"logits": [[*first], [*second]]}}:
            return len(first) == len(second) == num_classes and all(
                type(logit) in (int, float) for logit in (*first, *second)
            )
        case _:
            return False

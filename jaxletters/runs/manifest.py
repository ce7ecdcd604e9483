"""What a run depends on besides its config, in `manifest.json`: data, origins, code and machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, cast

from jaxletters.config.slots import FITS, SplitDigest
from jaxletters.core.errors import UserError
from jaxletters.evaluation.result import BaseRun
from jaxletters.runs.data_description import DataDescription
from jaxletters.runtime import environment
from jaxletters.runtime.environment import Environment
from jaxletters.runtime.files import load_json, write_json

FILE = "manifest.json"
_SCHEMA = 3


class TrainedOn(TypedDict):
    """A dataset that weights were trained on: its name and note, and the SHA-256 of its training images."""

    dataset: str
    note: str
    images: str
    examples: int
    validation_examples: int


class Manifest(NamedTuple):
    """What a run depends on besides its config.

    Attributes:
        fingerprint: of the config.
        data: None for an experiment of parts that have their own manifests.
        origins: the finished runs that the weights depend on, by the setting that names them.
        trained_on: the datasets that the weights were trained on, those of the origins first.
        examples: SHA-256 of the content of `examples.npz`; "" without one.
        environment: of the newest start.
        earlier: the environments of earlier starts that differed.
        changes: the differences between starts that may have changed the last bits.
    """

    fingerprint: str
    data: DataDescription | None
    origins: dict[str, BaseRun]
    trained_on: list[TrainedOn]
    examples: str
    environment: Environment
    earlier: list[Environment]
    changes: list[str]


def load(folder: Path) -> Manifest:
    """Returns the manifest of a run.

    Raises:
        UserError: it is missing, as in folders of earlier versions, or damaged.
    """
    file = folder / FILE
    if not file.exists():
        raise UserError(
            f"{folder}: expected a run with {FILE}, found no such file: an earlier version of jaxletters "
            "wrote the run, or the file was removed; run it again in another folder (--workdir)"
        )
    loaded: object = load_json(file)
    content = cast(dict[str, Any], loaded) if isinstance(loaded, dict) else {}
    schema = content.get("schema")
    if schema == 2:
        content, schema = _from_schema_2(content), _SCHEMA
    if schema != _SCHEMA:
        raise UserError(
            f"{file}: expected a manifest of schema {_SCHEMA}, found schema {schema!r}; use the version of "
            "jaxletters that wrote it, or run it again in another folder (--workdir)"
        )
    try:
        manifest = Manifest(**{name: content[name] for name in Manifest._fields})
        _check(manifest)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{file}: expected what jaxletters wrote, found something else ({error}); restore the file "
            "from a backup"
        ) from error
    return manifest


def _from_schema_2(content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of a manifest that an earlier version wrote, as this version writes it."""
    base, data = content.get("base"), content.get("data")
    return {
        **content,
        "origins": {"base": base} if base else {},
        "data": {**data, "left_out": ""} if isinstance(data, dict) else data,
    }


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest of a run."""
    write_json(folder / FILE, {"schema": _SCHEMA, **manifest._asdict()})


def _check(manifest: Manifest) -> None:
    """Checks the types of what a file contained.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: they are wrong.
    """
    texts: list[object] = [manifest.fingerprint, manifest.examples]
    for description in (manifest.environment, *manifest.earlier):
        environment.differences(description, description)
    for origin in manifest.origins.values():
        origin.get("fingerprint")
    if (data := manifest.data) is not None:
        for split in data["splits"].values():
            SplitDigest(**split)
        texts += [data["dataset"], data["division"], data["note"], data["left_out"]]
        texts += [*data["class_names"], *data["remarks"]]
        if len(data["image_shape"]) not in (2, 3) or data["fit"] not in FITS:
            raise ValueError("image_shape has a height and a width, fit a name")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("digests, names, notes and remarks are text")

"""The folders of the datasets that TFDS has prepared, by name, config and version."""

import fnmatch
import json
import re
from collections import defaultdict
from pathlib import Path

from tensorflow_datasets.core import constants

from jaxletters.config.sources import Tfds
from jaxletters.core.errors import UserError, did_you_mean, printable
from jaxletters.runtime import files

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.+-]+))?(:(?P<version>[\d.*]+))?", re.ASCII)
_VERSION = re.compile(r"\d+\.\d+\.\d+")

_Versions = dict[tuple[str, ...], list[str]]
"""The prepared versions by (name,) or (name, config)."""


def find(config: Tfds) -> Path:
    """Returns the folder of the newest prepared version that a config names.

    Raises:
        UserError: no such dataset is prepared, or the name is ambiguous.
    """
    root = files.expand_user(config.data_dir or constants.DATA_DIR).absolute()
    match = _NAME.fullmatch(config.dataset)
    if not match:
        raise UserError(
            "config.dataset.dataset: expected a name such as kmnist, emnist/balanced or "
            f"emnist/balanced:3.1.0, found {printable(config.dataset)!r}; name one"
        )
    versions = _prepared_versions(root)
    key = _key(config.dataset, match["name"], match["config"], root, versions)
    pattern = match["version"] or "*"
    matching = [v for v in versions.get(key, ()) if fnmatch.fnmatchcase(v, pattern)]
    if matching:
        newest = max(matching, key=lambda version: [int(part) for part in version.split(".")])
        return root.joinpath(*key, newest)
    if key in versions:
        raise UserError(
            f"config.dataset.dataset: expected a version of {'/'.join(key)} that is prepared in {root}, "
            f"found {pattern}; there are {', '.join(sorted(versions[key]))}"
        )
    raise UserError(
        f"config.dataset.dataset: expected a dataset that is prepared in {root}, found "
        f"{config.dataset}{did_you_mean('/'.join(key), map('/'.join, versions))}; set "
        "config.dataset.data_dir, or prepare it, where TensorFlow is installed: "
        "python -c 'import tensorflow_datasets as tfds; "
        f'tfds.builder("{config.dataset}", data_dir="{root}", file_format="array_record")'
        ".download_and_prepare()'"
    )


def _prepared_versions(root: Path) -> _Versions:
    versions: _Versions = defaultdict(list)
    for file in (*root.glob("*/*/dataset_info.json"), *root.glob("*/*/*/dataset_info.json")):
        if _VERSION.fullmatch(file.parent.name):
            versions[file.parent.parent.relative_to(root).parts].append(file.parent.name)
    return versions


def _key(
    dataset: str, name: str, config: str | None, root: Path, versions: _Versions
) -> tuple[str, ...]:
    """Returns (name,) or (name, config); without a config, TFDS's default or the only prepared one."""
    configs = sorted(key[1] for key in versions if key[0] == name and len(key) > 1)
    if not config and (name,) not in versions and configs:
        config = _default_config(root / name) if len(configs) > 1 else configs[0]
        if config not in configs:
            raise UserError(
                f"config.dataset.dataset: expected one of {name}'s configs, found {dataset}; "
                f"name one: {', '.join(f'{name}/{prepared}' for prepared in configs)}"
            )
    return (name, config) if config else (name,)


def _default_config(folder: Path) -> str:
    try:
        metadata = json.loads((folder / ".config" / "metadata.json").read_bytes())
        return metadata["default_config_name"]
    except (OSError, ValueError, KeyError):
        return ""

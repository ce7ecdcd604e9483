"""Compares a run with its config, data, origins and machine: at its starts and where its result is used."""

import hashlib
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from jaxletters.config import fingerprints
from jaxletters.config.schema import Config, Experiment, StudyConfig, ZeroShotConfig
from jaxletters.config.slots import Source
from jaxletters.config.sources import MEMORY_PREFIX
from jaxletters.core.errors import UserError
from jaxletters.data import left_out
from jaxletters.evaluation.result import BaseRun
from jaxletters.runs import data_description, manifest, seen_images, workdir
from jaxletters.runs.data_description import DataDescription, SplitDescription
from jaxletters.runs.manifest import Manifest, TrainedOn
from jaxletters.runs.seen_images import SeenImages
from jaxletters.runtime import environment
from jaxletters.runtime.files import load_json

_DIGITS = 12
NO_ORIGINS: Mapping[str, BaseRun] = {}
"""The origins of a run that depends on no other run."""


def start_run(
    folder: Path,
    config: Experiment,
    notice: Callable[[str], None],
    data: DataDescription | None = None,
    origins: Mapping[str, BaseRun] = NO_ORIGINS,
    trained_on: Iterable[TrainedOn] = (),
    seen: SeenImages | None = None,
) -> None:
    """Writes a config and its manifest to a folder that `workdir.check_available` accepted.

    Args:
        folder: the run folder.
        config: the experiment.
        notice: called with one line about what changed since the last start, and what that means.
        data: the data of the run.
        origins: the finished runs that the weights depend on, by setting.
        trained_on: the datasets that the weights will have been trained on.
        seen: the images that the weights will depend on; None where the run keeps no weights.

    Raises:
        UserError: the run was started with other data.
    """
    examples = seen.encode() if seen else b""
    current = Manifest(
        fingerprint=fingerprints.fingerprint(config),
        data=data,
        origins=dict(origins),
        trained_on=list(trained_on),
        examples=hashlib.sha256(examples).hexdigest() if seen else "",
        environment=environment.describe(),
        earlier=[],
        changes=[],
    )
    if workdir.has_checkpoints(folder):
        current = _continue(folder, current, notice)
    workdir.write_config(folder, config)
    if seen:
        seen_images.write(folder, examples)
    manifest.write(folder, current)


def _continue(folder: Path, current: Manifest, notice: Callable[[str], None]) -> Manifest:
    """Returns the manifest of another start of a run, with the differences between its starts."""
    stored = manifest.load(folder)
    for setting in {**stored.origins, **current.origins}:
        _check_origin(folder, setting, stored, current.origins.get(setting))
    check_examples(folder, stored, current.data)
    changes = environment.differences(stored.environment, current.environment)
    earlier = stored.earlier
    if changes:
        notice(
            f"Changed since the last start: {', '.join(changes)}. The run continues, but may not end with "
            "the same bits as an uninterrupted one"
        )
        earlier = [*earlier, stored.environment]
    changes = list(dict.fromkeys([*stored.changes, *changes]))
    return current._replace(earlier=earlier, changes=changes)


def check_origin(folder: Path, setting: str, run: BaseRun) -> None:
    """Compares an origin that a run was started with, if it has a checkpoint, with the origin as it is now.

    Raises:
        UserError: the origin was trained again and has other weights.
    """
    if workdir.has_checkpoints(folder):
        _check_origin(folder, setting, manifest.load(folder), run)


def check_finished(
    folder: Path,
    config: Config | ZeroShotConfig | StudyConfig,
    origins: Mapping[str, BaseRun | None] = NO_ORIGINS,
    describe: Callable[
        [Source, tuple[str, ...]], DataDescription | None
    ] = data_description.describe_current,
) -> None:
    """Compares a finished run with its config, and with the data and the origins as they are now.

    Data that are gone are not compared, and nothing is downloaded. Where the config names archives, their
    content is compared, after it was prepared if necessary.

    Args:
        folder: the run folder.
        config: the experiment.
        origins: the finished runs that the config names, as they are now and by setting; None if one is gone.
        describe: returns the description of some splits as they are now; None where they are gone.

    Raises:
        UserError: something differs.
    """
    stored = manifest.load(folder)
    _check_fingerprint(folder, stored, fingerprints.fingerprint(config))
    for setting in {**stored.origins, **origins}:
        # A run that is gone is not compared.
        if setting not in origins or origins[setting] is not None:
            _check_origin(folder, setting, stored, origins.get(setting))
    if stored.data is not None and not isinstance(config, StudyConfig):
        _check_data(folder, stored.data, describe(config.dataset, tuple(stored.data["splits"])))
    if isinstance(config, Config) and left_out.is_here(config.split.leave_out):
        _check_left_out(folder, stored.data, left_out.digest(config.split.leave_out))


def check_examples(folder: Path, stored: Manifest, current: DataDescription | None) -> None:
    """Compares the data of a run, and which examples it uses for what, with those of a description.

    Raises:
        UserError: they differ.
    """
    _check_data(folder, stored.data, current)
    if current is not None:
        _check_left_out(folder, stored.data, current["left_out"])
    _check_division(folder, stored.data, current)


def check_config(folder: Path, stored: Manifest, values: Mapping[str, Any]) -> None:
    """Compares the content of a finished run's `config.json` with the config that the run finished with.

    Raises:
        UserError: the file was edited.
    """
    try:
        fingerprint = fingerprints.fingerprint_of(values)
    except (AttributeError, TypeError) as error:
        raise UserError(
            f"{folder / 'config.json'}: expected the config of a run, found something else; restore the file"
        ) from error
    _check_fingerprint(folder, stored, fingerprint)


def check_same_run(copy: Path, folder: Path) -> None:
    """Compares the data and the origins of a copy of a run with those of the run, if both have manifests.

    Raises:
        UserError: the copy is of another run.
    """
    if not (copy / manifest.FILE).exists() or not (folder / manifest.FILE).exists():
        return
    stored, current = manifest.load(copy), manifest.load(folder)
    check_examples(copy, stored, current.data)
    for setting in {**stored.origins, **current.origins}:
        _check_origin(copy, setting, stored, current.origins.get(setting))


def _check_fingerprint(folder: Path, stored: Manifest, fingerprint: str) -> None:
    result: Mapping[str, Any] = workdir.result(folder) or {}
    finished = result.get("fingerprint", stored.fingerprint)
    if not fingerprint == finished == stored.fingerprint:
        raise UserError(
            f"{folder / 'config.json'}: expected the config that this run finished with (fingerprint "
            f"{str(finished)[:_DIGITS]} in result.json, {stored.fingerprint[:_DIGITS]} in {manifest.FILE}), "
            f"found another ({fingerprint[:_DIGITS]}); restore the file that was changed, or run the changed "
            "config in another folder (--workdir)"
        )


def _check_data(folder: Path, old: DataDescription | None, new: DataDescription | None) -> None:
    if old is None or new is None:
        return
    differences = [
        difference
        for split in dict.fromkeys([*old["splits"], *new["splits"]])
        if (difference := _split_difference(split, old["splits"], new["splits"]))
    ]
    differences += [
        f"{name.replace('_', ' ')}: {old[name]} there, {new[name]} here"
        for name in ("class_names", "image_shape")
        if old[name] != new[name]
    ]
    if differences:
        raise UserError(
            f"{folder}: expected the data that this run began with, found others ({'; '.join(differences)}); "
            f"{_data_advice(folder)}, or choose another folder with --workdir"
        )


def _check_left_out(folder: Path, data: DataDescription | None, current: str) -> None:
    old = data["left_out"] if data else current
    if old != current:
        raise UserError(
            f"{folder}: expected the list of config.split.leave_out that this run began with "
            f"({_list_name(old)}), found another ({_list_name(current)}); restore that list, or choose "
            "another folder with --workdir"
        )


def _list_name(digest: str) -> str:
    return f"SHA-256 {digest[:_DIGITS]}" if digest else "no list"


def _check_division(folder: Path, old: DataDescription | None, new: DataDescription | None) -> None:
    if old is None or new is None or old["division"] == new["division"]:
        return
    raise UserError(
        f"{folder}: expected the examples to be divided as when this run began, found other examples for "
        "training, validation or test, as another version of jaxletters may choose; continue with the "
        "version that began the run, or choose another folder with --workdir"
    )


def _split_difference(
    split: str,
    old_splits: Mapping[str, SplitDescription],
    new_splits: Mapping[str, SplitDescription],
) -> str:
    if split not in new_splits:
        return f"{split}: none here"
    if split not in old_splits:
        return f"{split}: none there"
    old, new = old_splits[split], new_splits[split]
    if old == new:
        return ""
    if old["examples"] != new["examples"]:
        return f"{split}: {old['examples']:,} examples there, {new['examples']:,} here"
    names = [name for name in ("images", "labels") if old[name] != new[name]]
    return f"{split}: other {' and '.join(names)}, {new['examples']:,} examples in both"


def _data_advice(folder: Path) -> str:
    """Returns advice that names the data of a run, as far as its config does."""
    flags = _location_flags("--config.dataset", load_json(folder / "config.json")["dataset"])
    return f"restore them ({' '.join(flags)})" if flags else "give those that it began with"


def _location_flags(key: str, dataset: Mapping[str, Any]) -> list[str]:
    """Returns the flags that give a dataset, as in config.json, and the datasets in it their locations."""
    locations = fingerprints.excluded_settings(dataset)
    flags: list[str] = []
    for name, value in dataset.items():
        if isinstance(value, dict):
            flags += _location_flags(f"{key}.{name}", cast(dict[str, Any], value))
        elif name in locations and value and not str(value).startswith(MEMORY_PREFIX):
            flags.append(f"{key}.{name}={shlex.quote(str(value))}")
    return flags


def _check_origin(folder: Path, setting: str, stored: Manifest, current: BaseRun | None) -> None:
    old = stored.origins.get(setting)
    if _digests(old) == _digests(current):
        return
    found = f"another in {current['folder']} ({_origin_name(current)})" if current else "no run"
    raise UserError(
        f"{folder}: expected the run of config.{setting} that it began with ({_origin_name(old)}), found "
        f"{found}; name and restore that run, or choose another folder with --workdir"
    )


def _digests(run: BaseRun | None) -> tuple[str | None, str | None]:
    return (run.get("fingerprint"), run.get("weights")) if run else (None, None)


def _origin_name(run: BaseRun | None) -> str:
    if run is None:
        return "no run"
    fingerprint, weights = _digests(run)
    return f"config {str(fingerprint)[:_DIGITS]}, weights {str(weights)[:_DIGITS]}"

"""The run folder: which config it belongs to, its result, and how often its run read the test split."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxletters.config import serialization, user_code
from jaxletters.config.fingerprints import fingerprint, identifying_settings
from jaxletters.config.schema import Experiment
from jaxletters.core.errors import UserError
from jaxletters.core.types import Json
from jaxletters.evaluation.result import Result
from jaxletters.runs import lock
from jaxletters.runtime import files
from jaxletters.runtime.files import load_json, write_bytes, write_json

RESULT = Path("report", "result.json")


def default(config: Path) -> Path:
    """Returns the run folder of a config file, unless the user names another."""
    return Path("checkpoints") / config.stem


def check_available(folder: Path, config: Experiment) -> None:
    """Checks that a folder is free for the run of a config, or already contains it; writes nothing.

    Raises:
        UserError: the folder contains a run of another config or other files, or its path is not UTF-8.
    """
    files.check_encoding(folder)
    file = folder / "config.json"
    if not file.exists():
        if not lock.is_empty(folder):
            raise UserError(
                f"{folder}: expected a run folder or an empty one, found other files and no "
                "config.json; choose another with --workdir"
            )
        return
    stored: Json = load_json(file)
    if not isinstance(stored, dict):
        raise UserError(
            f"{file}: expected the config of a run, found {type(stored).__name__}; "
            "choose another folder with --workdir"
        )
    differences = _differences(stored, serialization.to_dict(config))
    # A run without a checkpoint has nothing to lose.
    if differences and (has_checkpoints(folder) or (folder / RESULT).exists()):
        raise UserError(
            f"{folder}: holds a run of another config ({'; '.join(differences)}); "
            "choose another folder with --workdir, or remove this one to train again"
        )


def write_config(folder: Path, config: Experiment) -> None:
    """Writes a config to its run folder, with a copy of the user's code that its parts come from."""
    for name, data in user_code.source_files(config).items():
        write_bytes(folder / user_code.FOLDER / name, data)
    write_json(folder / "config.json", serialization.to_dict(config))


def enclosing_run(part: Path) -> Path:
    """Returns the folder with the config and the environment of a part of a run.

    A trial of a sweep has its own; a fold or a stage has those of the run that contains it.

    Raises:
        UserError: no run contains the part.
    """
    for folder in (part, *part.parents):
        if (folder / "config.json").exists():
            return folder
    raise UserError(
        f"{part}: expected a run, found no config.json here or above; name a run folder"
    )


def result(folder: Path) -> Result | None:
    """Returns the result of a run; None unless the run is finished."""
    file = folder / RESULT
    return load_json(file) if file.exists() else None


def require_result(folder: Path) -> Result:
    """Returns the result of a finished run.

    Raises:
        UserError: the run is not finished.
    """
    if (stored := result(folder)) is None:
        raise UserError(
            f"{folder}: expected a finished run, found no result; see jaxletters runs {folder.parent}"
        )
    return stored


def matching_result(folder: Path, config: Experiment) -> Result | None:
    """Returns the result of a finished run of this config; None if the folder contains no such run."""
    stored = result(folder)
    return stored if stored and stored.get("fingerprint") == fingerprint(config) else None


def count_test_read(folder: Path) -> int:
    """Records, before it happens, that a run reads the test split; returns the number of reads so far."""
    file = folder / "test_reads.json"
    times = (load_json(file)["times"] if file.exists() else 0) + 1
    write_json(file, {"times": times})
    return times


def has_checkpoints(folder: Path) -> bool:
    """Returns whether a run, or one of its stages, folds or trials, ever saved a checkpoint."""
    patterns = ["*/fold.json"]
    # At most the stages of the seeds of a trial of a quick study's sweep.
    patterns += [f"{'*/' * depth}{name}/*" for depth in range(5) for name in ("steps", "damaged")]
    return any(True for pattern in patterns for _ in folder.glob(pattern))


def _differences(stored: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    old, new = identifying_settings(stored), identifying_settings(current)
    return [
        f"config.{key} is {_shown(old, key)} there, {_shown(new, key)} here"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "not a setting"

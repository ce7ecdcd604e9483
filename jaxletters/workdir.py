"""The run folder: whose it is, and whether its run is finished."""

import dataclasses
from pathlib import Path
from typing import Any

from jaxletters.config import Config
from jaxletters.errors import UserError
from jaxletters.files import read_json, write_json
from jaxletters.identity import identity


def check(workdir: Path, config: Config) -> None:
    """Looks whether the folder is free for a config, or already its own; writes nothing.

    Raises:
        UserError: it holds a run of another config, or something that is not a run.
    """
    file = workdir / "config.json"
    if not file.exists():
        if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
            raise UserError(
                f"{workdir}: expected a run folder or an empty one, found other files and no "
                "config.json; choose another with --workdir"
            )
        return
    there = read_json(file)
    if not isinstance(there, dict):
        raise UserError(
            f"{file}: expected the config of a run, found {type(there).__name__}; "
            "choose another folder with --workdir"
        )
    differing = _differences(there, dataclasses.asdict(config))
    # A run that never got to its first checkpoint has nothing to lose.
    if differing and any(any((workdir / kept).glob("*")) for kept in ("steps", "damaged")):
        raise UserError(
            f"{workdir}: holds a run of another config ({'; '.join(differing)}); "
            "choose another folder with --workdir, or remove this one to train anew"
        )


def claim(workdir: Path, config: Config) -> None:
    """Makes the folder this config's."""
    write_json(workdir / "config.json", dataclasses.asdict(config))


def result(workdir: Path) -> dict[str, Any] | None:
    """Returns the result of a finished run, or None while there is none."""
    file = workdir / "report" / "result.json"
    return read_json(file) if file.exists() else None


def count_test_read(workdir: Path) -> int:
    """Notes, before it happens, that the test split is read; returns how many times that makes."""
    file = workdir / "test_reads.json"
    times = (read_json(file)["times"] if file.exists() else 0) + 1
    write_json(file, {"times": times})
    return times


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    old, new = identity(there), identity(here)
    return [
        f"config.{key} is {old.get(key)!r} there, {new.get(key)!r} here"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]

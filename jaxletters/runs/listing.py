"""Lists the runs in a folder, with their states and results."""

from pathlib import Path
from typing import NamedTuple

from jaxletters.core.errors import UserError
from jaxletters.core.types import Json
from jaxletters.evaluation.result import Result
from jaxletters.runs import lock, workdir
from jaxletters.runtime.files import load_json


class Run(NamedTuple):
    """A run folder.

    Attributes:
        folder: the run folder.
        state: "finished", "running, past step 1,200", "stopped at step 1,200", "begun"; of what has runs
            inside, "running" or "stopped".
        dataset: its name; "" for a study, which has several.
        result: the content of its `result.json`; None until it is finished.
    """

    folder: Path
    state: str
    dataset: str
    result: Result | None


def list_runs(root: Path) -> list[Run]:
    """Returns the runs directly in a folder, sorted by name.

    Raises:
        UserError: there is no such folder, or a file in it cannot be read.
    """
    if not root.is_dir():
        raise UserError(
            f"{root}: expected a folder of runs, found no such folder; name it: jaxletters runs FOLDER"
        )
    return [load_run(file.parent) for file in sorted(root.glob("*/config.json"))]


def load_run(folder: Path) -> Run:
    """Returns the state and the result of a run folder.

    Raises:
        UserError: a file in it cannot be read.
    """
    load_json(folder / "config.json")  # raises if the file is damaged
    file, result = folder / "manifest.json", workdir.result(folder)
    manifest: Json = load_json(file) if file.exists() else None
    data = manifest.get("data") if isinstance(manifest, dict) else None
    name = data.get("dataset") if isinstance(data, dict) else None
    return Run(folder, _state(folder, result), name if isinstance(name, str) else "", result)


def _state(folder: Path, result: Result | None) -> str:
    if result is not None:
        return "finished"
    steps = [int(path.name) for path in folder.glob("steps/*") if path.name.isdigit()]
    # A trial is run by the process that has its sweep's folder, a seed of a trial by the same.
    if any(map(lock.is_held, (folder, folder.parent, folder.parent.parent))):
        return f"running, past step {max(steps):,}" if steps else "running"
    if steps:
        return f"stopped at step {max(steps):,}"
    return "stopped" if workdir.has_checkpoints(folder) else "begun"

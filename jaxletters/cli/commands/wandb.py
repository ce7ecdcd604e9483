"""Copy runs to Weights & Biases: settings, environment, curves, figures and pictures.

No training waits for it, because what is copied is what the run wrote down: once it is finished, or again
and again while it goes on, which adds what is new. WANDB_API_KEY, WANDB_ENTITY and WANDB_MODE=offline mean
what they mean everywhere.
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxletters.cli import command_line
from jaxletters.core.errors import UserError
from jaxletters.runtime import console
from jaxletters.runtime.files import load_json

HELP = "copy runs' settings, curves, figures and pictures to Weights & Biases"
_PICTURES = ("contact_sheet", "augmentation", "worst_mistakes", "confusion_matrix", "reliability")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "runs", nargs="+", type=command_line.path, metavar="RUN", help="run folders"
    )
    parser.add_argument("--project", default="jaxletters", help="the project there (%(default)s)")


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Copies each run; one that has others inside, such as folds, is beside them in a group there.

    Raises:
        UserError: a folder holds no run with records or a result, or Weights & Biases refuses.
    """
    command_line.nothing_more(words)
    from jaxletters.runs import journal, workdir

    try:
        import wandb
    except ModuleNotFoundError as error:
        raise UserError("wandb: expected the package, found none; pip install wandb") from error
    for folder in known.runs:
        begun = {file.parent for file in folder.rglob(journal.TIMINGS) if _has_any(file)}
        inside = sorted(begun | {file.parents[1] for file in folder.rglob(str(workdir.RESULT))})
        if not inside:
            raise UserError(
                f"{folder}: expected a run that has logged a step, or a result, found none; see "
                f"jaxletters runs {folder.parent}"
            )
        group = folder.absolute().name if inside != [folder] else None
        for part in inside:
            try:
                _copy(folder.absolute(), part.absolute(), known.project, group)
            except wandb.Error as error:
                (first, *_) = str(error).splitlines() or [""]
                raise UserError(f"{part}: Weights & Biases answers: {first}") from error
            console.notice(f"copied {part.absolute()}")


def _has_any(file: Path) -> bool:
    return file.stat().st_size > 0


def _copy(folder: Path, part: Path, project: str, group: str | None) -> None:
    """Copies what one experiment wrote down, that lies in a run's folder or is the run."""
    import wandb

    from jaxletters.runs import manifest, workdir

    home = workdir.enclosing_run(part)
    with wandb.init(
        project=project,
        id=_identity(part),
        resume="allow",
        name=str(part.relative_to(folder.parent)),
        group=group,
        config=load_json(home / "config.json") | {"environment": manifest.read(home).environment},
        # Of this process, which trains nothing, there is nothing to tell.
        settings=wandb.Settings(
            console="off", disable_code=True, disable_git=True, x_disable_stats=True, quiet=True
        ),
    ) as copy:
        result, steps = workdir.result(part), _by_step(part)
        # Of the newest step there may be more to come, and no step can be completed there.
        for step, values in steps if result else steps[:-1]:
            if step >= copy.step:
                copy.log(values, step=step)
        if result:
            pictures = [part / "report" / f"{name}.png" for name in _PICTURES]
            found = {file.stem: wandb.Image(str(file)) for file in pictures if file.exists()}
            # A cross-validation has no steps of its own, its folds have.
            after = steps[-1][0] + 1 if steps else 0
            copy.log({f"report/{name}": image for name, image in found.items()}, step=after)
            copy.summary.update({f"result/{k}": v for k, v in result.items()})


def _identity(part: Path) -> str:
    """Returns what a run is called there, wherever its folder lies and however often it is copied.

    No two runs took the same time for their first steps, to the nanosecond, and a run keeps that line
    from its first checkpoint on. What has no steps is copied when it has its result, which stays.
    """
    from jaxletters.runs import journal, workdir

    timings = part / journal.TIMINGS
    if timings.exists():
        with timings.open("rb") as file:
            found = file.readline()
    else:
        found = (part / workdir.RESULT).read_bytes()
    return hashlib.sha256(found).hexdigest()[:16]


def _by_step(part: Path) -> list[tuple[int, dict[str, Any]]]:
    """Returns each step with all that was recorded of it, called as on TensorBoard."""
    from jaxletters.runs import journal

    merged: dict[int, dict[str, Any]] = {}
    for record in (*journal.load(part), *journal.load_timings(part)):
        split = record.get("split", "timing")
        values = {f"{split}/{k}": v for k, v in record.items() if k not in ("step", "split")}
        merged.setdefault(record["step"], {}).update(values)
    return sorted(merged.items())

"""Copy runs to Weights & Biases: settings, environment, curves, figures and pictures.

The command reads only files of the run, so that training never waits for it. Copy a run when it is finished,
or repeatedly while it trains; each copy adds the new records. WANDB_API_KEY, WANDB_ENTITY and
WANDB_MODE=offline work as usual.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any, cast

from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

HELP = "copy runs' settings, curves, figures and pictures to Weights & Biases"
_PICTURES = ("contact_sheet", "augmentation", "worst_mistakes", "confusion_matrix", "reliability")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "runs", nargs="+", type=files.expand_user, metavar="RUN", help="run folders"
    )
    parser.add_argument("--project", default="jaxletters", help="the project there (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Copies each run; the experiments inside a run, such as folds, become a group.

    Raises:
        UserError: a folder holds no run with records or a result, or Weights & Biases refuses.
    """
    try:
        import wandb
    except ModuleNotFoundError as error:
        raise UserError(
            "wandb: expected the package, found no such module; pip install wandb"
        ) from error
    for folder in args.runs:
        parts = _parts(folder)
        if not parts:
            raise UserError(
                f"{folder}: expected a run that has logged a step, or a result, found neither; see "
                f"jaxletters runs {folder.parent}"
            )
        group = folder.absolute().name if parts != [folder] else None
        for part in parts:
            try:
                _copy(folder.absolute(), part.absolute(), args.project, group)
            except wandb.Error as error:
                (first, *_) = str(error).splitlines() or [""]
                raise UserError(f"{part}: Weights & Biases answers: {first}") from error
            console.notice(f"copied {part.absolute()}")


def _parts(folder: Path) -> list[Path]:
    """Returns the folders with records or a result: the run's own, or those of its experiments."""
    from jaxletters.runs import journal, workdir

    with_records = {f.parent for f in folder.rglob(journal.TIMINGS) if f.stat().st_size > 0}
    with_result = {file.parents[1] for file in folder.rglob(str(workdir.RESULT))}
    return sorted(with_records | with_result)


def _copy(folder: Path, part: Path, project: str, group: str | None) -> None:
    """Copies the experiment in `part`, which is the run's folder or lies in it."""
    import wandb

    from jaxletters.runs import manifest, workdir

    run_folder = workdir.enclosing_run(part)
    config = files.load_json(run_folder / "config.json")
    with wandb.init(
        project=project,
        id=_run_id(part),
        resume="allow",
        name=str(part.relative_to(folder.parent)),
        group=group,
        config=config | {"environment": manifest.load(run_folder).environment},
        # Nothing of this process, which does not train.
        settings=wandb.Settings(
            console="off", disable_code=True, disable_git=True, x_disable_stats=True, quiet=True
        ),
    ) as copy:
        result, steps = workdir.result(part), _records_by_step(part)
        # The newest step may get more records, and Weights & Biases adds none to an earlier step.
        for step, values in steps if result else steps[:-1]:
            if step >= copy.step:
                copy.log(values, step=step)
        if result:
            paths = [part / "report" / f"{name}.png" for name in _PICTURES]
            pictures = {f"report/{p.stem}": wandb.Image(str(p)) for p in paths if p.exists()}
            # A cross-validation has no steps; its folds have.
            copy.log(pictures, step=steps[-1][0] + 1 if steps else 0)
            summary = cast(Any, copy.summary)  # its `update` has no annotations
            summary.update({f"result/{key}": value for key, value in result.items()})


def _run_id(part: Path) -> str:
    """Returns an identifier that stays the same when the run's folder moves or is copied again.

    It hashes the first line of the timings, which the run keeps from its first checkpoint on: no two runs
    took the same time for their first steps, to the nanosecond. Without steps, it hashes the result.
    """
    from jaxletters.runs import journal, workdir

    timings = part / journal.TIMINGS
    if timings.exists():
        with timings.open("rb") as file:
            content = file.readline()
    else:
        content = (part / workdir.RESULT).read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _records_by_step(part: Path) -> list[tuple[int, dict[str, Any]]]:
    """Returns each step with its records, named as on TensorBoard."""
    from jaxletters.runs import journal

    merged: dict[int, dict[str, Any]] = {}
    for record in (*journal.load(part), *journal.load_timings(part)):
        split = record.get("split", "timing")
        values = {f"{split}/{k}": v for k, v in record.items() if k not in ("step", "split")}
        merged.setdefault(record["step"], {}).update(values)
    return sorted(merged.items())

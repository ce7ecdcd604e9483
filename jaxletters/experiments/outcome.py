"""What a finished experiment leaves: its report, and the result that says that it is finished."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxletters import identity, report, workdir
from jaxletters.config import Config, ZeroShotConfig
from jaxletters.data import portions
from jaxletters.types import Dataset


def write(
    config: Config | ZeroShotConfig,
    folder: Path,
    facts: dict[str, Any],
    history: list[dict[str, Any]],
    seen: Dataset,
    test: Dataset,
    logits: np.ndarray,
) -> dict[str, Any]:
    """Writes the report of an experiment on one dataset and returns its result.

    Args:
        config: the experiment.
        folder: its run folder.
        facts: about it, ready for JSON.
        history: the records of its training, or none.
        seen: images for the contact sheet, which shows the first of every class.
        test: the examples tested on.
        logits: float32 `[n, classes]`, of these.

    Raises:
        UserError: a file cannot be written.
    """
    report.write(
        folder / "report",
        report.RunReport(
            name=folder.name,
            dataset_note=portions.note(config.dataset),
            history=history,
            train_sample=seen,
            test=test,
            test_logits=logits,
            result={
                "dataset": config.dataset.name,
                **facts,
                "fingerprint": identity.fingerprint(config),
            },
        ),
    )
    return read(folder)


def write_comparison(folder: Path, compared: report.Comparison) -> dict[str, Any]:
    """Writes the report of several experiments and returns its result.

    Raises:
        UserError: a file cannot be written.
    """
    report.write_comparison(folder / "report", compared)
    return read(folder)


def read(folder: Path) -> dict[str, Any]:
    """Returns the result of an experiment that is finished."""
    result = workdir.result(folder)
    assert result is not None
    return result

"""What a finished run leaves for its reader: figures, and the result as JSON and as text."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxletters.files import to_json, write_bytes
from jaxletters.report import analysis, text
from jaxletters.types import Dataset


class RunReport(NamedTuple):
    """All that a report shows.

    Attributes:
        name: of the run's config.
        dataset_note: what must be said wherever the data appear, such as "generated data", or "".
        history: the records of `metrics.jsonl`, as `figures.learning_curves` wants them.
        train_sample: some training examples, for the contact sheet.
        test: the test split.
        test_logits: float32 `[n, classes]`, of the test split.
        result: further facts, ready for JSON, "best_step" among them.
    """

    name: str
    dataset_note: str
    history: list[dict[str, Any]]
    train_sample: Dataset
    test: Dataset
    test_logits: np.ndarray
    result: dict[str, Any]


def write(folder: Path, run: RunReport) -> list[Path]:
    """Writes the report's files, over those of an earlier report, and returns their paths.

    Equal runs give equal bytes; each file is either the old one or the new one, whole.

    Raises:
        UserError: a file cannot be written.
    """
    from jaxletters.report import figures  # Matplotlib takes half a second to import

    predicted = run.test_logits.argmax(axis=1)
    with figures.style():
        drawn = {
            "contact_sheet.png": figures.contact_sheet(run.train_sample),
            "learning_curves.png": figures.learning_curves(run.history, run.result["best_step"]),
            "confusion_matrix.png": figures.confusion_matrix(
                run.test.labels, predicted, run.test.class_names
            ),
            "worst_mistakes.png": figures.worst_mistakes(run.test, run.test_logits),
        }
        caption = f"{run.name} ({run.dataset_note})" if run.dataset_note else run.name
        files = {name: figures.png(figure, caption) for name, figure in drawn.items()}

    result = {
        "name": run.name,
        "dataset_note": run.dataset_note,
        **run.result,
        **analysis.score(run.test, run.test_logits),
    }
    files["result.txt"] = "".join(f"{line}\n" for line in text.lines(result)).encode()
    # Last, because it is what says that a run is finished.
    files["result.json"] = f"{to_json(result, indent=2)}\n".encode()
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]

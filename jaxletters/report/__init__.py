"""What a finished run leaves for its reader: figures, and the result as JSON and as text."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxletters.files import to_json, write_bytes
from jaxletters.report import analysis, comparison, text
from jaxletters.types import Dataset


class RunReport(NamedTuple):
    """All that a report shows.

    Attributes:
        name: of the run's config.
        dataset_note: what must be said wherever the data appear, such as "generated data", or "".
        history: the records of `metrics.jsonl`, as `figures.learning_curves` wants them; none where
            there was no one training to draw.
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
        drawn = {"contact_sheet.png": figures.contact_sheet(run.train_sample)}
        if run.history:
            curves = figures.learning_curves(run.history, run.result["best_step"])
            drawn["learning_curves.png"] = curves
        drawn |= {
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
    predictions = io.BytesIO()
    np.savez(predictions, labels=run.test.labels, logits=run.test_logits)
    files["predictions.npz"] = predictions.getvalue()
    files["result.txt"] = "".join(f"{line}\n" for line in text.lines(result)).encode()
    return _write_all(folder, files, result)


class Comparison(NamedTuple):
    """All that a report of several experiments shows.

    Attributes:
        title: of its page.
        remark: how the figures came about, in a sentence.
        rows: the experiments, in the order of the table.
        baseline: the row that the others are compared with, or None.
        sheets: some examples of every dataset, for contact sheets.
        result: further facts, ready for JSON.
    """

    title: str
    remark: str
    rows: list[comparison.Row]
    baseline: comparison.Row | None
    sheets: dict[str, Dataset]
    result: dict[str, Any]


def write_comparison(folder: Path, compared: Comparison) -> list[Path]:
    """Writes the report of several experiments as `write` does that of one.

    Raises:
        UserError: a file cannot be written.
    """
    from jaxletters.report import figures

    with figures.style():
        drawn = {"comparison.png": figures.comparison(compared.rows, compared.baseline)}
        pictures = [("comparison.png", "Accuracy on test")]
        for name, dataset in compared.sheets.items():
            drawn[f"{name}.png"] = figures.contact_sheet(dataset)
            pictures.append((f"{name}.png", f"{name}: each row must show the class at its left"))
        files = {name: figures.png(figure, compared.title) for name, figure in drawn.items()}
    page = comparison.page(compared.title, compared.remark, compared.rows, pictures)
    files["index.html"] = page.encode()
    rows = [
        {**row.result, "name": row.name, "group": row.group, "reference": row.reference}
        for row in compared.rows
    ]
    return _write_all(folder, files, {"name": compared.title, **compared.result, "rows": rows})


def _write_all(folder: Path, files: dict[str, bytes], result: dict[str, Any]) -> list[Path]:
    # Last, because it is what says that a run is finished.
    files = {**files, "result.json": f"{to_json(result, indent=2)}\n".encode()}
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]

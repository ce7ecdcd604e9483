"""The report of a finished run: a page with pictures, and the result as JSON and as text."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxletters.core.types import Dataset
from jaxletters.evaluation import metrics
from jaxletters.evaluation.result import Coverage, SingleResult
from jaxletters.report import comparison, page, text
from jaxletters.report.paired import Pair
from jaxletters.runs.journal import Record
from jaxletters.runtime.environment import Environment
from jaxletters.runtime.files import encode_utf8, to_json, write_bytes


class RunReport(NamedTuple):
    """The content of a run's report.

    Attributes:
        history: the records of `metrics.jsonl`, as `charts.learning_curves` takes them; empty unless
            there was exactly one training.
        train_sample: some training examples, for the contact sheet.
        test: the test split.
        test_logits: float32 `[n, classes]`, of the test split.
        result: the content of `result.json`.
        config: the run's settings, nested.
        environment: what its numbers depend on besides its settings.
        changes: the parts of the environment that changed while it ran, which may affect the last bits.
        augmented: training images, uint8 `[n, h, w]`, and k augmented variants of each, uint8
            `[n, k, h, w]`; None without augmentation.
        kernels: float32 `[kh, kw, n]`, of the first convolution; None without a convolution.
    """

    history: list[Record]
    train_sample: Dataset
    test: Dataset
    test_logits: np.ndarray
    result: SingleResult
    config: Mapping[str, object]
    environment: Environment
    changes: list[str]
    augmented: tuple[np.ndarray, np.ndarray] | None = None
    kernels: np.ndarray | None = None


def of_run(run: RunReport) -> dict[str, bytes]:
    """Returns the files of a run's report, by their names; equal runs give equal bytes."""
    result = run.result
    files, sections = _draw(run)
    html = page.of_run(result, sections, run.config, run.environment, run.changes)
    files["index.html"] = encode_utf8(html)
    predictions = io.BytesIO()
    np.savez(predictions, labels=run.test.labels, logits=run.test_logits)
    files["predictions.npz"] = predictions.getvalue()
    files["result.txt"] = encode_utf8("".join(f"{line}\n" for line in text.lines(result)))
    return _with_result(files, result)


def _draw(run: RunReport) -> tuple[dict[str, bytes], list[page.Section]]:
    """Returns the PNG files of a report by name, and the sections of its page, in order."""
    # Matplotlib takes half a second to import.
    from jaxletters.report import charts, image_grids, style

    labels, names = run.test.labels, run.test.class_names
    predicted = metrics.predicted_labels(run.test_logits)
    with style.style():
        drawn = [
            (
                "class_accuracy",
                charts.class_accuracy(labels, predicted, names),
                _CLASSES._replace(text=style.legend(names)),
            ),
            (
                "confusion_matrix",
                charts.confusion_matrix(labels, predicted, names),
                _confusions(run.result),
            ),
            ("reliability", charts.reliability(labels, run.test_logits), _RELIABILITY),
            ("worst_mistakes", image_grids.worst_mistakes(run.test, run.test_logits), _MISTAKES),
            ("contact_sheet", image_grids.contact_sheet(run.train_sample), _CONTACT_SHEET),
        ]
        if run.history:
            best_step = run.result.get("best_step", -1)
            curves = charts.learning_curves(run.history, best_step)
            drawn.insert(0, ("learning_curves", curves, page.Section("Training")))
        if run.augmented:
            drawn.append(("augmentation", image_grids.augmented(*run.augmented), _AUGMENTATION))
        if run.kernels is not None:
            drawn.append(("kernels", image_grids.kernels(run.kernels), _KERNELS))
        name, note = run.result["name"], run.result["dataset_note"]
        caption = f"{name} ({note})" if note else name
        files = {f"{name}.png": style.png(figure, caption) for name, figure, _ in drawn}
    in_colour = _IMAGE_FIGURES if run.test.images.ndim > 3 else ()
    sections = [
        section._replace(
            file=f"{name}.png", width=style.css_width(figure), pictures=name in in_colour
        )
        for name, figure, section in drawn
    ]
    if coverage := run.result.get("coverage"):
        after = [section.title for section in sections].index(_RELIABILITY.title) + 1
        sections.insert(after, _sets(coverage))
    return files, sections


# The figures that consist of images of the dataset.
_IMAGE_FIGURES = ("worst_mistakes", "contact_sheet", "augmentation")


_CLASSES = page.Section("Class by class")
_RELIABILITY = page.Section(
    "Reliability of the probabilities",
    "About 80% of the predictions with a probability of about 80% should be correct.",
)
_MISTAKES = page.Section(
    "Most confident mistakes",
    "Check the labels of these images: some labels may be wrong.",
)
_CONTACT_SHEET = page.Section(
    "Examples of the data",
    "The data are correct if the images are upright and each row shows the class named at its left.",
)
_AUGMENTATION = page.Section("Augmented training images")
_KERNELS = page.Section(
    "Kernels of the first layer", "Dark: ink adds to the feature; light: ink subtracts from it."
)


def _sets(measured: list[Coverage]) -> page.Section:
    """Returns the section of the conformal sets, a table with a row for each coverage."""
    rows = [
        (
            f"{row['asked']:.0%}",
            f"{row['within_threshold']:.1%}",
            f"{row['measured']:.1%}",
            f"{row['lowest']:.1%}",
            f"{row['size']:.2f}",
            f"{row['single']:.1%}",
        )
        for row in measured
    ]
    return page.Section(
        "Sets of classes",
        "A set has the classes that an image may be, by thresholds for each class from the validation "
        "examples, and always the most probable class. The table has the share of the test examples whose "
        "class is in their set, by the thresholds alone and in the whole set.",
        heading=(
            "coverage asked",
            "by thresholds",
            "whole set",
            "lowest class",
            "classes in a set",
            "sets of one",
        ),
        rows=rows,
    )


def _confusions(result: SingleResult) -> page.Section:
    """Returns the section of the confusion matrix, with a table of the most frequent confusions."""
    if not (most_confused := result["most_confused"]):
        return page.Section("Confusions")
    rows = [
        (f"{c['label']} taken for {c['predicted']}", f"{c['times']:,}", f"{c['share']:.1%}")
        for c in result["confusions"]
    ]
    first, second = most_confused["pair"]
    accuracy = most_confused["test_accuracy_as_one"]
    return page.Section(
        "Confusions",
        f"If {first} and {second} counted as one, the test accuracy would be {accuracy:.2%}.",
        heading=("", "times", "of the class"),
        rows=rows,
    )


class Comparison(NamedTuple):
    """The content of a report of several experiments.

    Attributes:
        title: of its page.
        remark: a sentence about how the numbers were measured.
        rows: the experiments, in the order of the table.
        baseline: the row that the others are compared with, or None.
        sheets: some examples of each dataset by title, for contact sheets.
        result: further keys of `result.json`.
        histories: the records of `metrics.jsonl` by run, for learning curves; None for no curves.
        pairs: paired tests of some of the rows.
    """

    title: str
    remark: str
    rows: list[comparison.Row]
    baseline: comparison.Row | None
    sheets: dict[str, Dataset]
    result: Mapping[str, object]
    histories: dict[str, list[Record]] | None = None
    pairs: Sequence[Pair] = ()


_ACCURACY = "Accuracy in the test"


def of_several(compared: Comparison) -> dict[str, bytes]:
    """Returns the files of a report of several experiments, by their names."""
    from jaxletters.report import charts, comparison_chart, image_grids, style

    with style.style():
        drawn = {"comparison": (comparison_chart.draw(compared.rows, compared.baseline), _ACCURACY)}
        if compared.histories:
            drawn["learning_curves"] = charts.several_curves(compared.histories), "Learning curves"
        for i, (name, dataset) in enumerate(compared.sheets.items(), 1):
            caption = f"{name}: each row must show the class at its left"
            # The file has a number, because the name of a dataset may not be valid as a file name.
            drawn[f"contact_sheet{i}"] = image_grids.contact_sheet(dataset), caption
        files = {
            f"{name}.png": style.png(figure, compared.title) for name, (figure, _) in drawn.items()
        }
    pictures = [
        page.Picture(f"{name}.png", style.css_width(figure), caption)
        for name, (figure, caption) in drawn.items()
    ]
    html = page.of_several(
        compared.title,
        compared.remark,
        compared.rows,
        pictures,
        compared.pairs,
        compared.baseline,
    )
    files["index.html"] = encode_utf8(html)
    rows = [
        {
            **row.result,
            **{name: getattr(row, name) for name in ("name", "group", "reference", "page")},
        }
        for row in compared.rows
    ]
    return _with_result(files, {"name": compared.title, **compared.result, "rows": rows})


def _with_result(files: dict[str, bytes], result: Mapping[str, object]) -> dict[str, bytes]:
    """Returns the files of a report with `result.json` as the last one: it marks the run as finished."""
    return {**files, "result.json": encode_utf8(f"{to_json(result, indent=2)}\n")}


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Writes the files of a report in order, over those of an earlier report; returns their paths.

    An interruption leaves no partial file: each file is complete, and either old or new.

    Raises:
        UserError: a file cannot be written.
    """
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]

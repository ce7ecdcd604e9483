"""Several finished experiments side by side, as the cells of a table."""

from typing import NamedTuple

from jaxletters.evaluation.result import Result, SingleResult
from jaxletters.runtime.console import format_duration

HEADING = (
    *("experiment", "data", "parameters", "epochs", "training", "validation", "test"),
    *("95% interval, or folds", "reference", "difference"),
)
"""What the cells of a row are; "training" is m:ss, accuracies are percentages."""


class Row(NamedTuple):
    """One experiment.

    Attributes:
        name: what it is called.
        group: those of one group stand together.
        result: the content of its `result.json`.
        reference: an accuracy in percent to set beside its own, or 0.
        page: where to read more, relative to the page of all; "" for nowhere.
    """

    name: str
    group: str
    result: SingleResult
    reference: float = 0.0
    page: str = ""


def rows(name: str, page: str, result: Result, reference: float = 0.0) -> list[Row]:
    """Returns the row of an experiment, or those of all its trials if it is a sweep or a study."""
    if "rows" in result:
        above = page.rpartition("/")[0]
        pages = [f"{above}/{place}" if (place := row.get("page")) else "" for row in result["rows"]]
        return [
            Row(_trial(row), name, row, row.get("reference", 0.0), place)
            for row, place in zip(result["rows"], pages, strict=True)
        ]
    return [Row(name, result["dataset"], result, reference, page)]


def _trial(row: SingleResult) -> str:
    group, name = row.get("group", ""), row["name"]
    return name if group == name else f"{group}: {name}"


def accuracy(row: Row) -> float:
    """Returns the share of test examples read rightly; of a cross-validation, the mean over folds."""
    result = row.result
    return result["fold_mean"] if "fold_mean" in result else result["test_accuracy"]


def cells(row: Row) -> tuple[str, ...]:
    """Returns a row's cells under HEADING; what there is none of is blank."""
    result = row.result
    low, high = result["test_accuracy_interval"]
    spread = f"{100 * low:.2f} to {100 * high:.2f}"
    if "fold_deviation" in result:
        count = len(result["fold_accuracies"])
        spread = f"sd {100 * result['fold_deviation']:.2f} over {count} folds"
    validated = result.get("validation_accuracy")
    difference = 100 * accuracy(row) - row.reference
    return (
        row.name,
        result["dataset"] + (f", {result['dataset_note']}" if result["dataset_note"] else ""),
        f"{result['parameters']:,}",
        f"{result['epochs']:.3g}" if "epochs" in result else "",
        format_duration(result["training_seconds"]) if "training_seconds" in result else "",
        "" if validated is None else f"{100 * validated:.2f}",
        f"{100 * accuracy(row):.2f}",
        spread,
        f"{row.reference:.2f}" if row.reference else "",
        f"{difference:+.2f}" if row.reference else "",
    )

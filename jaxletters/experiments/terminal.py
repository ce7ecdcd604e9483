"""The summary of a finished experiment on the terminal."""

from pathlib import Path

from jaxletters.evaluation.result import Result, SingleResult, TrainResult
from jaxletters.report import comparison
from jaxletters.report.comparison import Row
from jaxletters.runtime import console

EARLIER = "finished earlier; nothing was run"


def show(result: Result, folder: Path, state: str = "finished") -> None:
    """Prints the main figures of a result, and where its files are.

    Args:
        result: the result.
        folder: the run folder.
        state: what the line "run" says: "finished", or `EARLIER`.
    """
    if "rows" in result:
        rows = [Row(row["name"], row.get("group", ""), row) for row in result["rows"]]
        show_rows(rows, rows[0] if result.get("experiment") == "sweep" else None)
        figures = {}
    else:
        figures = {"dataset": console.dataset_title(result), **_figures(result)}
    paths = {"run folder": str(folder), "report": str(folder / "report" / "index.html")}
    console.print_results({"run": state, **figures, **paths})


def show_rows(rows: list[Row], baseline: Row | None = None) -> None:
    """Prints the table of a comparison, with differences to `baseline` if it is given."""
    table = [comparison.cells(row, baseline) for row in rows]
    console.print_table(comparison.HEADING, table, left=2)


def _figures(result: SingleResult) -> dict[str, str]:
    """Returns the lines that depend on the kind of experiment, by their titles."""
    low, high = result["test_accuracy_interval"]
    accuracy = f"{result['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})"
    images = f"{result['test_examples']:,} images"
    if result["experiment"] == "train":
        return {
            "test accuracy": accuracy,
            "best validation": best_validation(result),
            "training time": console.format_duration(result["training_seconds"]),
        }
    if result["experiment"] == "seeds":
        several = result["spread"]["test_accuracy"]
        return {
            "test accuracy": f"{several['mean']:.2%} on average over {len(several['values'])} seeds "
            f"(standard deviation {several['deviation']:.2%})",
            "ensemble": accuracy,
            "training time": console.format_duration(result["training_seconds"]),
        }
    if result["experiment"] == "zero-shot":
        return {"network": result["base"]["folder"], "accuracy": f"{accuracy} of {images}"}
    return {
        "accuracy": f"{result['fold_mean']:.2%} on average over "
        f"{len(result['fold_accuracies'])} folds (standard deviation {result['fold_deviation']:.2%})",
        "all folds together": f"{result['test_accuracy']:.2%} of {images}",
        "training time": console.format_duration(result["training_seconds"]),
    }


def best_validation(result: TrainResult) -> str:
    """Returns the best validation accuracy and its step; "none" if every validation loss was NaN."""
    if result["validation_accuracy"] is None:
        return "none"
    return f"{result['validation_accuracy']:.2%} at step {result['best_step']:,}"

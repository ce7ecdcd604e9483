"""Several finished experiments side by side, as the cells of a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, cast

from jaxletters.evaluation.result import Result, SingleResult
from jaxletters.runtime.console import format_duration

if TYPE_CHECKING:
    from jaxletters.runs.manifest import Manifest

HEADING = (
    *("experiment", "data", "parameters", "epochs", "training", "validation", "test"),
    *("95% interval, or folds", "reference", "difference"),
)
"""The columns of the table. "training" is a duration (m:ss); accuracies are percentages."""
MARK = " *"
"""Marks a difference to a baseline with p < .05."""


class Repeats(NamedTuple):
    """The accuracies of several networks of one experiment, in [0, 1]; `unit` is what they differ in."""

    values: list[float]
    mean: float
    deviation: float
    unit: str

    def __str__(self) -> str:
        return f"sd {100 * self.deviation:.2f} over {len(self.values)} {self.unit}"


def repeats(result: SingleResult) -> Repeats | None:
    """Returns the accuracies under several seeds, or of several folds; None of a single network."""
    if "spread" in result:
        return Repeats(**result["spread"]["test_accuracy"], unit="seeds")
    if "fold_mean" in result:
        mean, deviation = result["fold_mean"], result["fold_deviation"]
        return Repeats(result["fold_accuracies"], mean, deviation, "folds")
    return None


class Row(NamedTuple):
    """One experiment.

    Attributes:
        name: of the experiment.
        group: the rows of one group are adjacent, below the group's name.
        result: the content of its `result.json`.
        reference: an accuracy in percent to compare with the test accuracy; 0 for none.
        page: the experiment's page, relative to the page of the table; "" for none.
    """

    name: str
    group: str
    result: SingleResult
    reference: float = 0.0
    page: str = ""


def rows(name: str, page: str, result: Result, reference: float = 0.0) -> list[Row]:
    """Returns the row of an experiment, or the rows of all its trials if it is a sweep or a study.

    A run under several seeds has a second row, for the ensemble.

    Args:
        name: of the experiment.
        page: the experiment's page; the pages of trials are relative to its folder.
        result: the content of its `result.json`.
        reference: of a single experiment; each trial has its own reference.
    """
    if "rows" not in result:
        row = Row(name, result["dataset"], result, reference, page)
        if "spread" not in result:
            return [row]
        ensemble = {key: value for key, value in result.items() if key != "spread"}
        alone = cast(SingleResult, ensemble)
        return [row, row._replace(name=ensemble_name(name), result=alone)]
    folder = page.rpartition("/")[0]
    trials: list[Row] = []
    for row in result["rows"]:
        row_page = row.get("page")
        trial_page = f"{folder}/{row_page}" if row_page else ""
        trials.append(Row(_trial_name(row), name, row, row.get("reference", 0.0), trial_page))
    return trials


def ensemble_name(name: str) -> str:
    """Returns the name of the ensemble of a run under several seeds."""
    return f"{name}, ensemble"


def _trial_name(row: SingleResult) -> str:
    group, name = row.get("group", ""), row["name"]
    return name if group == name else f"{group}: {name}"


def accuracy(row: Row) -> float:
    """Returns the test accuracy in [0, 1]; of an experiment with folds or seeds, the mean over them."""
    several = repeats(row.result)
    return several.mean if several else row.result["test_accuracy"]


def difference(row: Row, baseline: Row) -> str:
    """Returns the difference of a row's accuracy to the baseline's in points, with MARK if p < .05."""
    p = p_value(row, baseline)
    mark = MARK if p is not None and p < 0.05 else ""
    return f"{100 * (accuracy(row) - accuracy(baseline)):+.2f}{mark}"


def p_value(row: Row, baseline: Row) -> float | None:
    """Returns the two-sided p-value of Welch's t-test for the accuracies over the seeds.

    The test allows unequal variances (Welch, The generalization of "Student's" problem when several different
    population variances are involved, 1947).

    Returns:
        None unless both were trained under several seeds, or if the accuracies of each are all equal.
    """
    several = [repeats(one.result) for one in (row, baseline)]
    values = [one.values for one in several if one and one.unit == "seeds"]
    if len(values) < 2 or max(map(len, map(set, values))) == 1:
        return None
    # Imported here, because it takes a third of a second.
    import scipy.stats

    _, p = cast(tuple[float, float], scipy.stats.ttest_ind(*values, equal_var=False))
    return float(p)


def cells(row: Row, baseline: Row | None = None) -> tuple[str, ...]:
    """Returns the cells of a row, one for each column of HEADING; an unknown value is an empty cell.

    Args:
        row: the experiment.
        baseline: what it is compared with if it has no reference.
    """
    result = row.result
    low, high = result["test_accuracy_interval"]
    networks = len(result["runs"]) if "spread" in result else 1
    spread = f"{100 * low:.2f} to {100 * high:.2f}"
    if several := repeats(result):
        spread = str(several)
    validated = result.get("validation_accuracy")
    if "spread" in result and (validations := result["spread"].get("validation_accuracy")):
        validated = validations["mean"]
    to_other = ""
    if row.reference:
        to_other = f"{100 * accuracy(row) - row.reference:+.2f}"
    elif baseline is not None and row.result is not baseline.result:
        to_other = difference(row, baseline)
    return (
        row.name,
        result["dataset"] + (f", {result['dataset_note']}" if result["dataset_note"] else ""),
        f"{result['parameters'] // networks:,}",
        f"{result['epochs']:.3g}" if "epochs" in result else "",
        format_duration(result["training_seconds"]) if "training_seconds" in result else "",
        "" if validated is None else f"{100 * validated:.2f}",
        f"{100 * accuracy(row):.2f}",
        spread,
        f"{row.reference:.2f}" if row.reference else "",
        to_other,
    )


def data_warning(manifests: "Iterable[Manifest]") -> str:
    """Returns a warning for a page where runs on a dataset of one name have different data, or ""."""
    digests: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for data in (stored.data for stored in manifests if stored.data is not None):
        for split, digest in data["splits"].items():
            key = data["dataset"], split
            digests.setdefault(key, set()).add((digest["images"], digest["labels"]))
    names = dict.fromkeys(name for (name, _), contents in digests.items() if len(contents) > 1)
    if not names:
        return ""
    return (
        f" The runs on {' and '.join(names)} do not all have the same images and labels, so their "
        "accuracies cannot be compared."
    )

"""A result as lines of text."""

from typing import Any

from jaxletters.evaluation.result import Confusion, MostConfused, SingleResult

_CLASSES_PER_LINE = 6
_APART = (
    *("name", "dataset_note", "test_accuracy_interval", "class_accuracy", "confusions"),
    *("base", "most_confused", "metrics"),
)


def lines(result: SingleResult) -> list[str]:
    """Returns the content of `result.json` as lines: its facts, its classes, its confusions."""
    low, high = result["test_accuracy_interval"]
    facts = {key: _value(key, value) for key, value in result.items() if key not in _APART}
    for name, value in result.get("metrics", {}).items():
        facts[f"test_{name}"] = _value("", value)
    facts["test_accuracy"] += f" (95% interval {low:.2%} to {high:.2%})"
    width = max(map(len, facts))
    note = f" ({result['dataset_note']})" if result["dataset_note"] else ""
    return [
        result["name"] + note,
        "",
        *(f"{key.replace('_', ' '):{width}}  {text}" for key, text in facts.items()),
        "",
        "accuracy by class",
        *_classes(result["class_accuracy"]),
        "",
        "most frequent confusions" if result["confusions"] else "no confusions",
        *map(_confusion, result["confusions"]),
        *_as_one(result.get("most_confused")),
    ]


def _value(key: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if key == "fold_accuracies":
        return "  ".join(f"{share:.2%}" for share in value)
    if key.endswith(("accuracy", "accuracy_over_shifts", "calibration_error")) or key.startswith(
        "fold_"
    ):
        return f"{value:.2%}"
    if key.endswith("seconds"):
        return f"{value:,.1f}"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _classes(accuracy: dict[str, float]) -> list[str]:
    width = max(map(len, accuracy))
    cells = [f"{name:>{width}} {value:7.2%}" for name, value in accuracy.items()]
    rows = range(0, len(cells), _CLASSES_PER_LINE)
    return ["  " + "   ".join(cells[i : i + _CLASSES_PER_LINE]) for i in rows]


def _confusion(found: Confusion) -> str:
    return (
        f"  {found['label']} taken for {found['predicted']}"
        f"  {found['times']:6,} times, {found['share']:.1%} of {found['label']}"
    )


def _as_one(found: MostConfused | None) -> list[str]:
    if found is None:
        return []
    one, other = found["pair"]
    return [
        f"  if {one} and {other} counted as one: test accuracy {found['test_accuracy_as_one']:.2%}"
    ]

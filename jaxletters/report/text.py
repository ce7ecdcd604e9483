"""A result as lines of text."""

from typing import cast

from jaxletters.evaluation.result import Confusion, Coverage, MostConfused, SingleResult, Spread

_CLASSES_PER_LINE = 6
# Values that are shown in percent have keys with these endings.
_SHARES = (
    *("accuracy", "accuracy_over_shifts", "accuracy_over_shifts_where_unsure", "unsure"),
    *("accuracy_of_letters", "calibration_error", "refused", "agreement"),
)
# The keys of a result that have a line or a table of another form.
_NOT_FACTS = (
    *("name", "dataset_note", "test_accuracy_interval", "class_accuracy", "confusions"),
    *("base", "teacher", "most_confused", "metrics", "coverage", "spread", "runs"),
)


def lines(result: SingleResult) -> list[str]:
    """Returns the content of `result.json` as lines: its facts, its classes, its confusions."""
    low, high = result["test_accuracy_interval"]
    facts = {key: _value(key, value) for key, value in result.items() if key not in _NOT_FACTS}
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
        *_spread(result.get("spread")),
        *_coverage(result.get("coverage")),
        "accuracy by class",
        *_class_lines(result["class_accuracy"]),
        "",
        "most frequent confusions" if result["confusions"] else "no confusions",
        *map(_confusion, result["confusions"]),
        *_most_confused(result.get("most_confused")),
    ]


def _value(key: str, value: object) -> str:
    if value is None:
        return "unknown"
    if key == "fold_accuracies":
        return "  ".join(f"{share:.2%}" for share in cast(list[float], value))
    if key.endswith(_SHARES) or key.startswith("fold_"):
        return f"{cast(float, value):.2%}"
    if key.endswith("seconds"):
        return f"{cast(float, value):,.1f}"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spread(spread: dict[str, Spread] | None) -> list[str]:
    """Returns lines about the scores under several seeds, or no lines."""
    if not spread:
        return []
    width = max(map(len, spread))
    rows = [
        f"  {key.replace('_', ' '):{width}}  {_value(key, one['mean'])} ± {_value(key, one['deviation'])}  ("
        f"{', '.join(_value(key, value) for value in one['values'])})"
        for key, one in spread.items()
    ]
    return ["seeds: mean ± standard deviation (each)", *rows, ""]


def _coverage(measured: list[Coverage] | None) -> list[str]:
    """Returns lines about the conformal sets of the test examples, or no lines."""
    if not measured:
        return []
    rows = [
        f"  {row['asked']:6.1%} asked  {row['measured']:6.1%} measured  {row['size']:.2f} classes in a set"
        for row in measured
    ]
    return ["coverage of the sets", *rows, ""]


def _class_lines(accuracy: dict[str, float]) -> list[str]:
    """Returns lines of several classes each, with their accuracies."""
    width = max(map(len, accuracy))
    cells = [f"{name:>{width}} {value:7.2%}" for name, value in accuracy.items()]
    rows = range(0, len(cells), _CLASSES_PER_LINE)
    return ["  " + "   ".join(cells[i : i + _CLASSES_PER_LINE]) for i in rows]


def _confusion(confusion: Confusion) -> str:
    label = confusion["label"]
    return (
        f"  {label} taken for {confusion['predicted']}"
        f"  {confusion['times']:6,} times, {confusion['share']:.1%} of {label}"
    )


def _most_confused(confused: MostConfused | None) -> list[str]:
    """Returns a line about the two classes most often confused, or no line."""
    if confused is None:
        return []
    first, second = confused["pair"]
    accuracy = confused["test_accuracy_as_one"]
    return [f"  if {first} and {second} counted as one: test accuracy {accuracy:.2%}"]

"""Several experiments side by side: what is known of each stands in its cell, and nothing else."""

import numpy as np
import pytest
import scipy.stats
from results import FOLDS, RUN

from jaxletters.report import comparison, comparison_chart, style
from jaxletters.report.comparison import Row


def cells(row):
    return dict(zip(comparison.HEADING, comparison.cells(row), strict=True))


def test_a_run_has_its_interval_and_its_difference_to_the_reference():
    found = cells(Row("deeper", "", RUN, reference=93.69))
    assert found == {
        "experiment": "deeper",
        "data": "emnist_letters, rebuilt split",
        "parameters": "1,234",
        "epochs": "5",
        "training": "1:15",
        "validation": "95.10",
        "test": "94.25",
        "95% interval, or folds": "93.00 to 95.00",
        "reference": "93.69",
        "difference": "+0.56",
    }


def test_a_cross_validation_has_the_mean_and_deviation_of_its_folds():
    found = cells(Row("folds", "", FOLDS))
    assert found["test"] == "92.00"
    assert found["95% interval, or folds"] == "sd 2.83 over 2 folds"
    assert found["validation"] == found["reference"] == found["difference"] == ""


def test_what_was_never_trained_has_no_time_or_epochs():
    result = {k: v for k, v in RUN.items() if k not in ("epochs", "training_seconds")}
    found = cells(Row("zero-shot", "", result))
    assert found["training"] == found["epochs"] == ""


def test_the_rows_of_a_sweep_keep_their_references_and_pages():
    row = {
        **RUN,
        "name": "deeper",
        "group": "depth",
        "reference": 93.69,
        "page": "../deeper/index.html",
    }
    (found,) = comparison.rows("sweep", "../runs/sweep/report/index.html", {"rows": [row]})
    assert cells(found)["reference"] == "93.69"
    assert found.page == "../runs/sweep/report/../deeper/index.html"


@pytest.mark.parametrize("baseline", [None, Row("one", "", RUN)])
def test_the_figure_has_a_point_for_every_row_in_its_order(baseline):
    rows = [Row("one", "", RUN, reference=93.69), Row("two", "", FOLDS)]
    with style.style():
        axes = comparison_chart.draw(rows, baseline).axes[0]
    names = {
        text.get_text(): y
        for text, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    }
    assert names["one"] > names["two"]
    points = {
        (float(x), float(y)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)
    }
    for place, values in ((names["one"], (93, 94.25, 95, 93.69)), (names["two"], (90, 92, 94))):
        for value in values:
            assert any(np.allclose(point, (value, place)) for point in points), value
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert len(dashed) == (baseline is not None)


RUN_ROW, FOLDS_ROW = Row("one", "", RUN), Row("two", "", FOLDS)


@pytest.mark.parametrize(
    ("rows", "baseline", "signs"),
    [
        ([RUN_ROW], None, "line: 95% interval"),
        ([RUN_ROW], RUN_ROW, "line: 95% interval; dashed: baseline"),
        ([FOLDS_ROW], None, "ticks: folds"),
        (
            [RUN_ROW, FOLDS_ROW._replace(reference=93.69)],
            None,
            "line: 95% interval; ticks: folds; diamond: reference",
        ),
    ],
)
def test_the_figure_says_what_its_signs_mean_and_of_no_others(rows, baseline, signs):
    with style.style():
        axes = comparison_chart.draw(rows, baseline).axes[0]
    assert axes.get_xlabel() == f"correct in the test (%); {signs}"


def under_seeds(*values):
    spread = {"values": [*values], "mean": np.mean(values), "deviation": np.std(values, ddof=1)}
    validation = {**spread, "mean": 0.9}
    spreads = {"test_accuracy": spread, "validation_accuracy": validation}
    return {**RUN, "experiment": "seeds", "runs": ["a"] * len(values), "spread": spreads}


def test_a_difference_larger_than_the_spread_of_the_seeds_is_marked():
    baseline = Row("baseline", "", under_seeds(0.900, 0.902, 0.904))
    above = Row("above", "", under_seeds(0.950, 0.951, 0.952))
    close = Row("close", "", under_seeds(0.899, 0.905, 0.906))
    found = [
        dict(zip(comparison.HEADING, comparison.cells(row, baseline), strict=True))
        for row in (baseline, above, close)
    ]
    assert [row["difference"] for row in found] == ["", "+4.90 *", "+0.13"]
    assert found[0]["validation"] == "90.00"
    # By the formula: the variances are 4e-6 and 1e-6, so t = .049 / sqrt(5e-6 / 3) with 2.94 degrees.
    p = comparison.p_value(above, baseline)
    freedom = 5**2 / (4**2 / 2 + 1 / 2)
    assert p == pytest.approx(2 * scipy.stats.t.sf(0.049 / np.sqrt(5e-6 / 3), freedom), rel=1e-6)
    assert comparison.p_value(Row("one", "", RUN), baseline) is None
    assert comparison.difference(Row("one", "", RUN), baseline) == "+4.05"
    assert comparison.p_value(baseline, baseline) == pytest.approx(1)
    same = Row("same", "", under_seeds(0.9, 0.9, 0.9))
    # Without variances the test is not defined.
    other = Row("other", "", under_seeds(0.8, 0.8, 0.8))
    assert comparison.difference(same, other) == "+10.00"

"""The chart that compares the accuracies of several finished experiments."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from jaxletters.report import style
from jaxletters.report.comparison import Row, accuracy, repeats


def draw(rows: Sequence[Row], baseline: Row | None) -> Figure:
    """Draws each row's accuracy, its 95% interval or its folds or seeds, and a line at the baseline's.

    Args:
        rows: from top to bottom.
        baseline: the row that the others are compared with, or None.
    """
    colour, reference_colour = style.VALIDATION, style.TRAINING
    height = 1.1 + 0.24 * len(rows)
    figure = Figure(figsize=(8, height), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    heights = np.arange(len(rows))[::-1]
    for y, row in zip(heights, rows, strict=True):
        if several := repeats(row.result):
            values = [100 * share for share in several.values]
            axes.plot(values, [y] * len(values), "|", color=colour, alpha=0.5)
        else:
            low, high = row.result["test_accuracy_interval"]
            axes.plot([100 * low, 100 * high], [y, y], "-", color=colour, linewidth=1.2)
        axes.plot([100 * accuracy(row)], [y], "o", color=colour, markersize=4.5)
        if row.reference:
            (diamond,) = axes.plot([row.reference], [y], "D", color=reference_colour, markersize=5)
            diamond.set_markerfacecolor("none")
    if baseline is not None:
        x = 100 * accuracy(baseline)
        axes.axvline(x, color=reference_colour, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_yticks(heights, [row.name for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(f"correct in the test (%); {'; '.join(_key(rows, baseline))}")
    style.grid(axes)
    axes.tick_params(axis="y", length=0)
    return figure


def _key(rows: Sequence[Row], baseline: Row | None) -> list[str]:
    """Returns the meaning of each sign that occurs in the chart."""
    several = [repeats(row.result) for row in rows]
    units = {one.unit for one in several if one}
    occurs = {
        "line: 95% interval": None in several,
        f"ticks: {' or '.join(sorted(units))}": bool(units),
        "diamond: reference": any(row.reference for row in rows),
        "dashed: baseline": baseline is not None,
    }
    return [meaning for meaning, sign_occurs in occurs.items() if sign_occurs]

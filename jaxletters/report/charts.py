# pyright: standard
"""Charts of a run's records and results."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from jaxletters.evaluation import analysis
from jaxletters.evaluation.history import join_short_records
from jaxletters.report import style
from jaxletters.report.comparison import Row, accuracy
from jaxletters.runs.journal import Record

_RING = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgecolor": style.INK,
}
_NOTABLE_SHARE = 0.01
# Okabe and Ito's colours without the palest.
_SEVERAL = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")


# Where there are more runs than colours.
_LINES = ("-", "--", "-.")


def learning_curves(history: Sequence[Record], best_step: int) -> Figure:
    """Draws loss and accuracy of both splits against the epoch, the best validation ringed.

    Args:
        history: records with "step", "epoch" (passes over the training examples so far), "split"
            ("train" or "validation"), and "loss" in nats and "accuracy" in [0, 1] where known; with
            "stage" where the run has several, whose ends get a line.
        best_step: the step of the best validation.
    """
    figure = Figure(figsize=(9, 3.8), dpi=style.DPI, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    history = join_short_records(history)
    ends = _stage_ends(history)
    for axes, quantity in ((losses, "loss"), (accuracies, "accuracy")):
        training = _series(history, "train", quantity)
        validation = _series(history, "validation", quantity)
        best = _series([r for r in history if r["step"] == best_step], "validation", quantity)
        best_label = f"best, epoch {best[0, 0]:.3g}" if len(best) else ""
        for series, label, look in (
            (
                training,
                "training",
                {"color": style.TRAINING, "marker": "o" * (len(training) == 1)},
            ),
            (
                validation,
                "validation",
                {"color": style.VALIDATION, "marker": "o", "markersize": 4},
            ),
            (best, best_label, _RING),
        ):
            if len(series):
                axes.plot(series[:, 0], series[:, 1], label=label, **look)
        if not (len(training) or len(validation)):
            axes.text(0.5, 0.5, "nothing recorded", transform=axes.transAxes, ha="center")
            axes.set_yticks([])
        axes.set_xlabel("epoch; dotted: a stage ends" if ends else "epoch")
        axes.set_xlim(0, 1.03 * max([1.0, *(record["epoch"] for record in history)]))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _grid(axes)

    losses.set_title("Loss")
    losses.set_ylabel("cross-entropy (nats)")
    if any(line.get_ydata().max() > 0 for line in losses.lines):
        losses.set_yscale("log")
        losses.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        losses.yaxis.set_minor_locator(NullLocator())
        losses.yaxis.set_major_formatter("{x:g}")
    if losses.lines:
        losses.legend()
    accuracies.set_title("Accuracy")
    accuracies.set_ylabel("correct (%)")
    accuracies.yaxis.set_major_formatter(style.percent)
    _leave_out_the_start(accuracies, history)
    for axes in (losses, accuracies):
        for end in ends:
            axes.axvline(end, color=style.FAINT, linewidth=0.8, linestyle=":", zorder=0)
    return figure


def several_curves(histories: Mapping[str, Sequence[Record]]) -> Figure:
    """Draws several runs' accuracy against the epoch: on validation where there is any, else in training.

    Args:
        histories: records as for `learning_curves`, by the name of the run.
    """
    figure = Figure(figsize=(9, 4.2), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    for i, (name, history) in enumerate(histories.items()):
        colour = _SEVERAL[i % len(_SEVERAL)]
        series, label = _series(history, "validation", "accuracy"), name
        line = _LINES[i // len(_SEVERAL) % len(_LINES)]
        if not len(series):
            series = _series(join_short_records(history), "train", "accuracy")
            label, line = f"{name} (training)", ":"
        axes.plot(series[:, 0], series[:, 1], line, color=colour, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("correct (%)")
    axes.yaxis.set_major_formatter(style.percent)
    _fit(axes, [_later(np.asarray(line.get_xydata())) for line in axes.lines])
    _grid(axes)
    axes.legend()
    return figure


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws each class's mistakes as shares of its examples, without classes that never occur.

    Of many classes, those are shown that most mistakes are made of or for.
    """
    shown = np.union1d(labels, predicted)
    whole = analysis.confusion_matrix(labels, predicted, len(names))
    wrong = int(whole.sum() - whole.trace())
    left_out = 0
    if len(shown) > style.MOST_CLASSES:
        mistaken = whole.sum(0) + whole.sum(1) - 2 * whole.diagonal()
        worst_first = shown[np.argsort(-mistaken[shown], kind="stable")]
        several = max(int(np.count_nonzero(mistaken)), 2)
        shown = np.sort(worst_first[: min(several, style.MOST_CLASSES)])
        left_out = len(worst_first) - len(shown)
    counts = whole[np.ix_(shown, shown)]
    shares = analysis.row_shares(counts)
    mistakes = shares.copy()
    np.fill_diagonal(mistakes, np.nan)

    size = len(shown)
    side = min(7.5, max(3.4, 0.5 * size))
    figure = Figure(figsize=(side + 1.6, side + 0.9), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#ececec")
    worst = max(np.nanmax(mistakes, initial=0.0), 0.05)  # a good network's chart stays pale
    image = axes.imshow(mistakes, cmap="Oranges", norm=PowerNorm(0.5, vmin=0, vmax=worst))
    font_size = min(9.0, 0.32 * 72 * side / size)
    for (row, column), share in np.ndenumerate(shares):
        if row == column or share >= _NOTABLE_SHARE:
            colour = "white" if row != column and math.sqrt(share / worst) > 0.6 else style.INK
            text = "" if np.isnan(share) else f"{round(100 * share, 1):g}"
            cell = axes.text(
                column, row, text, size=font_size, color=colour, ha="center", va="center"
            )
            # All lie within the axes, and measuring hundreds of them takes as long as drawing them.
            cell.set_in_layout(False)
    shown_names = [style.class_name(names, int(label)) for label in shown]
    style.turn_long_names(axes, shown_names)
    axes.set_xticks(range(size), shown_names)
    axes.set_yticks(range(size), shown_names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    rest = f"; {left_out:,} classes with fewer mistakes or none are not shown" * bool(left_out)
    style.headline(figure, f"{wrong:,} of {whole.sum():,} test images are misread{rest}")
    axes.set_title("% of the true class; grey: read correctly; blank: below 1%", fontsize=8)
    ticks = [share for share in (0, 0.01, 0.05, 0.2, 0.5, 1) if share <= worst]
    bar = figure.colorbar(image, shrink=0.6, ticks=ticks, format=style.percent)
    bar.set_label("share of the true class misread so (%)")
    bar.outline.set_visible(False)
    return figure


def class_accuracy(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws the share of each class's examples that is read right, with its 95% interval, worst first."""
    confusion = analysis.confusion_matrix(labels, predicted, len(names))
    shown = np.flatnonzero(confusion.sum(axis=1))
    right, total = confusion.diagonal()[shown], confusion.sum(axis=1)[shown]
    order = np.argsort(right / total, kind="stable")[: style.MOST_CLASSES]
    figure = Figure(
        figsize=(max(4.0, 1.4 + 0.3 * len(order)), 3.2), dpi=style.DPI, layout="constrained"
    )
    axes = figure.subplots()
    for place, i in enumerate(order):
        low, high = analysis.wilson_interval(int(right[i]), int(total[i]))
        axes.plot([place, place], [low, high], "-", color=style.VALIDATION, linewidth=1.2)
        axes.plot([place], [right[i] / total[i]], "o", color=style.VALIDATION, markersize=4.5)
    shown_names = [style.class_name(names, int(shown[i])) for i in order]
    style.turn_long_names(axes, shown_names)
    axes.set_xticks(range(len(order)), shown_names)
    if len(order) < len(shown):
        axes.set_title(f"the worst {len(order)} of {len(shown):,} classes", fontsize=8)
    axes.set_xlim(-0.7, len(order) - 0.3)
    axes.set_ylabel("correct (%), 95% interval")
    axes.yaxis.set_major_formatter(style.percent)
    _grid(axes)
    axes.tick_params(axis="x", length=0)
    return figure


def reliability(labels: np.ndarray, logits: np.ndarray) -> Figure:
    """Draws how often predictions of a probability are right, and how many there are of each.

    The reliability diagram of DeGroot and Fienberg (The Comparison and Evaluation of Forecasters, 1983).
    """
    found = analysis.reliability(labels, logits)
    figure = Figure(figsize=(4.6, 4.6), dpi=style.DPI, layout="constrained")
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shares.plot([0, 1], [0, 1], "--", color=style.FAINT, linewidth=0.8)
    for one in found:
        low, high = analysis.wilson_interval(one.right, one.examples)
        shares.plot([one.confidence] * 2, [low, high], "-", color=style.VALIDATION, linewidth=1.2)
    places = [one.confidence for one in found]
    right = [one.right / one.examples for one in found]
    shares.plot(places, right, "o-", color=style.VALIDATION, markersize=4.5)
    shares.set_ylim(0, 1.02)
    shares.set_ylabel("of them correct (%), 95% interval")
    shares.set_title("below the dashed line: too sure; above: not sure enough", fontsize=8)
    counts.bar(places, [one.examples for one in found], width=0.04, color=style.VALIDATION)
    counts.set_yscale("log")
    counts.set_ylabel("images")
    counts.set_xlabel("probability of the class predicted (%)")
    counts.set_xlim(0, 1.02)
    for axes in (shares, counts):
        axes.xaxis.set_major_formatter(style.percent)
        _grid(axes)
    shares.yaxis.set_major_formatter(style.percent)
    return figure


def comparison(rows: Sequence[Row], baseline: Row | None) -> Figure:
    """Draws every row's accuracy with its 95% interval, or its folds, and a line at the baseline's.

    Args:
        rows: from top to bottom.
        baseline: what the others are compared with, or None.
    """
    own, other = style.VALIDATION, style.TRAINING
    height = 1.1 + 0.24 * len(rows)
    drawn = Figure(figsize=(8, height), dpi=style.DPI, layout="constrained")
    axes = drawn.subplots()
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        value = 100 * accuracy(row)
        folds = [100 * share for share in row.result.get("fold_accuracies", ())]
        low, high = (100 * limit for limit in row.result["test_accuracy_interval"])
        if folds:
            axes.plot(folds, [place] * len(folds), "|", color=own, alpha=0.5)
        else:
            axes.plot([low, high], [place, place], "-", color=own, linewidth=1.2)
        axes.plot([value], [place], "o", color=own, markersize=4.5)
        if row.reference:
            axes.plot(
                [row.reference], [place], "D", markerfacecolor="none", color=other, markersize=5
            )
    if baseline is not None:
        axes.axvline(100 * accuracy(baseline), color=other, linewidth=0.8, linestyle="--", zorder=0)
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(f"correct in the test (%); {'; '.join(_signs(rows, baseline))}")
    _grid(axes)
    axes.tick_params(axis="y", length=0)
    return drawn


def _signs(rows: Sequence[Row], baseline: Row | None) -> list[str]:
    """Returns what those signs mean that a comparison has."""
    folds = ["fold_accuracies" in row.result for row in rows]
    signs = {
        "line: 95% interval": not all(folds),
        "ticks: folds": any(folds),
        "diamond: reference": any(row.reference for row in rows),
        "dashed: baseline": baseline is not None,
    }
    return [sign for sign, there in signs.items() if there]


def _grid(axes: Axes) -> None:
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def _series(history: Sequence[Record], split: str, quantity: str) -> np.ndarray:
    """Returns float64 `[n, 2]`: the epochs of one split and one quantity's finite values there."""
    pairs = [
        (r["epoch"], r[quantity])
        for r in cast("Sequence[Mapping[str, Any]]", history)
        if r["split"] == split and quantity in r
    ]
    series = np.array(pairs, np.float64).reshape(-1, 2)
    return series[np.isfinite(series[:, 1])]


def _stage_ends(history: Sequence[Record]) -> list[float]:
    """Returns the epochs after which another stage follows."""
    return [
        before["epoch"]
        for before, after in itertools.pairwise(history)
        if before.get("stage") != after.get("stage")
    ]


def _leave_out_the_start(axes: Axes, history: Sequence[Record]) -> None:
    """Fits the axis to validation and later training: the first steps would squeeze the rest."""
    training = _series(history, "train", "accuracy")
    validation = _series(history, "validation", "accuracy")
    if len(validation) > 1 or len(training) > 2:
        _fit(axes, [validation[:, 1], _later(training)])


def _later(series: np.ndarray) -> np.ndarray:
    """Returns a series' values after its first epoch; of one that is shorter than two, the later half."""
    epochs, values = series[:, 0], series[:, 1]
    enough = len(epochs) and epochs[-1] >= 2
    return values[epochs > 1] if enough else values[len(values) // 2 :]


def _fit(axes: Axes, series: Sequence[np.ndarray]) -> None:
    shown = np.concatenate([[], *series])
    if len(shown):
        margin = max(0.05 * np.ptp(shown), 0.002)
        axes.set_ylim(shown.min() - margin, shown.max() + margin)

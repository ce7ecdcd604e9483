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
from jaxletters.runs.journal import Record

_RING = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgecolor": style.INK,
}
# The confusion matrix writes smaller shares into its cells on the diagonal only.
_NOTABLE_SHARE = 0.01
# Okabe and Ito's colours without the palest.
_RUN_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
# The line styles distinguish runs of the same colour.
_RUN_LINE_STYLES = ("-", "--", "-.")


def learning_curves(history: Sequence[Record], best_step: int) -> Figure:
    """Draws loss and accuracy of both splits against the epoch, with a ring at the best validation.

    Args:
        history: the records of one run; if it has several stages, a line marks the end of each stage
            but the last. NaN and infinite values are not drawn.
        best_step: the step of the best validation; -1 for none.
    """
    figure = Figure(figsize=(9, 3.8), dpi=style.DPI, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    history = join_short_records(history)
    stage_ends = _stage_ends(history)
    for axes, quantity in ((losses, "loss"), (accuracies, "accuracy")):
        _plot_splits(axes, history, quantity, best_step)
        axes.set_xlabel("epoch; dotted: a stage ends" if stage_ends else "epoch")
        axes.set_xlim(0, 1.03 * max([1.0, *(record["epoch"] for record in history)]))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        style.grid(axes)
    losses.set_title("Loss")
    losses.set_ylabel("cross-entropy (nats)")
    _use_log_scale(losses)
    if losses.lines:
        losses.legend()
    accuracies.set_title("Accuracy")
    accuracies.set_ylabel("correct (%)")
    accuracies.yaxis.set_major_formatter(style.percent)
    _leave_out_the_start(accuracies, history)
    for axes in (losses, accuracies):
        for epoch in stage_ends:
            axes.axvline(epoch, color=style.FAINT, linewidth=0.8, linestyle=":", zorder=0)
    return figure


def _plot_splits(axes: Axes, history: Sequence[Record], quantity: str, best_step: int) -> None:
    """Plots a quantity of the training and the validation split, and rings its value at `best_step`."""
    training = _series(history, "train", quantity)
    validation = _series(history, "validation", quantity)
    best = _series([r for r in history if r["step"] == best_step], "validation", quantity)
    if len(training):
        # A line through a single point is invisible without a marker.
        marker = "o" if len(training) == 1 else ""
        axes.plot(*training.T, label="training", color=style.TRAINING, marker=marker)
    if len(validation):
        colour = style.VALIDATION
        axes.plot(*validation.T, label="validation", color=colour, marker="o", markersize=4)
    if len(best):
        axes.plot(*best.T, label=f"best, epoch {best[0, 0]:.3g}", **_RING)
    if not (len(training) or len(validation)):
        axes.text(0.5, 0.5, "nothing recorded", transform=axes.transAxes, ha="center")
        axes.set_yticks([])


def _use_log_scale(axes: Axes) -> None:
    """Makes the y axis logarithmic, unless no line has a positive value."""
    if any(np.asarray(line.get_ydata()).max() > 0 for line in axes.lines):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")


def several_curves(histories: Mapping[str, Sequence[Record]]) -> Figure:
    """Draws the accuracy of several runs against the epoch.

    The accuracy is that of the validation split; the training split replaces it in a run without validation.

    Args:
        histories: records as for `learning_curves`, by the name of the run.
    """
    figure = Figure(figsize=(9, 4.2), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    for i, (name, history) in enumerate(histories.items()):
        colour = _RUN_COLOURS[i % len(_RUN_COLOURS)]
        series = _series(history, "validation", "accuracy")
        if len(series):
            label, line_style = (
                name,
                _RUN_LINE_STYLES[i // len(_RUN_COLOURS) % len(_RUN_LINE_STYLES)],
            )
        else:
            series = _series(join_short_records(history), "train", "accuracy")
            label, line_style = f"{name} (training)", ":"
        axes.plot(*series.T, line_style, color=colour, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("correct (%)")
    axes.yaxis.set_major_formatter(style.percent)
    _fit_y_axis(axes, [_later_values(np.asarray(line.get_xydata())) for line in axes.lines])
    style.grid(axes)
    axes.legend()
    return figure


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws the mistakes of each class as shares of its examples, without classes that never occur.

    If there are more than `style.MOST_CLASSES` classes, those in most mistakes are shown.
    """
    counts = analysis.confusion_matrix(labels, predicted, len(names))
    occurring = np.union1d(labels, predicted)
    classes = _most_confused_classes(counts, occurring)
    shares = analysis.row_shares(counts[np.ix_(classes, classes)])
    mistakes = shares.copy()
    np.fill_diagonal(mistakes, np.nan)

    side = min(7.5, max(3.4, 0.5 * len(classes)))
    figure = Figure(figsize=(side + 1.6, side + 0.9), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#ececec")
    # The lower limit keeps the chart of a good network pale.
    darkest = max(np.nanmax(mistakes, initial=0.0), 0.05)
    image = axes.imshow(mistakes, cmap="Oranges", norm=PowerNorm(0.5, vmin=0, vmax=darkest))
    _write_shares(axes, shares, darkest, font_size=min(9.0, 0.32 * 72 * side / len(classes)))
    class_names = [style.class_name(names, int(label)) for label in classes]
    style.turn_long_names(axes, class_names)
    axes.set_xticks(range(len(classes)), class_names)
    axes.set_yticks(range(len(classes)), class_names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    headline = f"{counts.sum() - counts.trace():,} of {counts.sum():,} test images are misread"
    if left_out := len(occurring) - len(classes):
        headline += f"; {left_out:,} classes with fewer mistakes or none are not shown"
    style.headline(figure, headline)
    axes.set_title("% of the true class; grey: read correctly; blank: below 1%", fontsize=8)
    ticks = [share for share in (0, 0.01, 0.05, 0.2, 0.5, 1) if share <= darkest]
    bar = figure.colorbar(image, shrink=0.6, ticks=ticks, format=style.percent)
    bar.set_label("share of the true class misread so (%)")
    bar.outline.set_visible(False)
    return figure


def _most_confused_classes(counts: np.ndarray, occurring: np.ndarray) -> np.ndarray:
    """Returns those of the occurring classes that a confusion matrix shows, in ascending order."""
    if len(occurring) <= style.MOST_CLASSES:
        return occurring
    # Mistakes count for both the true and the predicted class.
    mistakes = counts.sum(0) + counts.sum(1) - 2 * counts.diagonal()
    worst_first = occurring[np.argsort(-mistakes[occurring], kind="stable")]
    # A matrix needs at least two classes, even without mistakes.
    confused = max(int(np.count_nonzero(mistakes)), 2)
    return np.sort(worst_first[: min(confused, style.MOST_CLASSES)])


def _write_shares(axes: Axes, shares: np.ndarray, darkest: float, font_size: float) -> None:
    """Writes percentages into the cells of a confusion matrix, on the diagonal and where they are notable.

    Args:
        axes: the axes of the matrix.
        shares: float `[n, n]`, of the examples of each row's class; NaN for a class without examples.
        darkest: the share that has the darkest colour.
        font_size: in points.
    """
    for (row, column), share in np.ndenumerate(shares):
        if row == column or share >= _NOTABLE_SHARE:
            is_dark = row != column and math.sqrt(share / darkest) > 0.6
            text = "" if np.isnan(share) else f"{round(100 * share, 1):g}"
            colour = "white" if is_dark else style.INK
            cell = axes.text(column, row, text, size=font_size, color=colour, ha="center")
            cell.set_verticalalignment("center")
            # Every text is inside the axes; measuring hundreds of them takes as long as drawing them.
            cell.set_in_layout(False)


def class_accuracy(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws the accuracy of each class with its 95% interval, the worst class first."""
    counts = analysis.confusion_matrix(labels, predicted, len(names))
    occurring = np.flatnonzero(counts.sum(axis=1))
    correct, examples = counts.diagonal()[occurring], counts.sum(axis=1)[occurring]
    worst_first = np.argsort(correct / examples, kind="stable")[: style.MOST_CLASSES]
    count = len(worst_first)
    width = max(4.0, 1.4 + 0.3 * count)
    figure = Figure(figsize=(width, 3.2), dpi=style.DPI, layout="constrained")
    axes = figure.subplots()
    for x, i in enumerate(worst_first):
        low, high = analysis.wilson_interval(int(correct[i]), int(examples[i]))
        axes.plot([x, x], [low, high], "-", color=style.VALIDATION, linewidth=1.2)
        axes.plot([x], [correct[i] / examples[i]], "o", color=style.VALIDATION, markersize=4.5)
    class_names = [style.class_name(names, int(occurring[i])) for i in worst_first]
    style.turn_long_names(axes, class_names)
    axes.set_xticks(range(count), class_names)
    if count < len(occurring):
        axes.set_title(f"the worst {count} of {len(occurring):,} classes", fontsize=8)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylabel("correct (%), 95% interval")
    axes.yaxis.set_major_formatter(style.percent)
    style.grid(axes)
    axes.tick_params(axis="x", length=0)
    return figure


def reliability(labels: np.ndarray, logits: np.ndarray) -> Figure:
    """Draws the accuracy of predictions against their probability, and the number of predictions below.

    The reliability diagram of DeGroot and Fienberg (The Comparison and Evaluation of Forecasters, 1983).
    """
    bins = analysis.reliability(labels, logits)
    confidences = [b.confidence for b in bins]
    figure = Figure(figsize=(4.6, 4.6), dpi=style.DPI, layout="constrained")
    accuracies, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    accuracies.plot([0, 1], [0, 1], "--", color=style.FAINT, linewidth=0.8)
    for b in bins:
        low, high = analysis.wilson_interval(b.right, b.examples)
        x = [b.confidence, b.confidence]
        accuracies.plot(x, [low, high], "-", color=style.VALIDATION, linewidth=1.2)
    accuracy = [b.right / b.examples for b in bins]
    accuracies.plot(confidences, accuracy, "o-", color=style.VALIDATION, markersize=4.5)
    accuracies.set_ylim(0, 1.02)
    accuracies.set_ylabel("of them correct (%), 95% interval")
    accuracies.set_title("below the dashed line: too sure; above: not sure enough", fontsize=8)
    counts.bar(confidences, [b.examples for b in bins], width=0.04, color=style.VALIDATION)
    counts.set_yscale("log")
    counts.set_ylabel("images")
    counts.set_xlabel("probability of the class predicted (%)")
    counts.set_xlim(0, 1.02)
    for axes in (accuracies, counts):
        axes.xaxis.set_major_formatter(style.percent)
        style.grid(axes)
    accuracies.yaxis.set_major_formatter(style.percent)
    return figure


def _series(history: Sequence[Record], split: str, quantity: str) -> np.ndarray:
    """Returns the finite values of a quantity in one split: float64 `[n, 2]`, each an epoch and a value."""
    pairs = [
        (record["epoch"], record[quantity])
        for record in cast("Sequence[Mapping[str, Any]]", history)
        if record["split"] == split and quantity in record
    ]
    series = np.array(pairs, np.float64).reshape(-1, 2)
    return series[np.isfinite(series[:, 1])]


def _stage_ends(history: Sequence[Record]) -> list[float]:
    """Returns the last epoch of each stage but the last."""
    return [
        record["epoch"]
        for record, following in itertools.pairwise(history)
        if record.get("stage") != following.get("stage")
    ]


def _leave_out_the_start(axes: Axes, history: Sequence[Record]) -> None:
    """Fits the y axis to validation and later training, because the first steps would squeeze the rest."""
    training = _series(history, "train", "accuracy")
    validation = _series(history, "validation", "accuracy")
    if len(validation) > 1 or len(training) > 2:
        _fit_y_axis(axes, [validation[:, 1], _later_values(training)])


def _later_values(series: np.ndarray) -> np.ndarray:
    """Returns the values after the first epoch, or the later half if the series ends before epoch 2."""
    epochs, values = series[:, 0], series[:, 1]
    if len(epochs) and epochs[-1] >= 2:
        return values[epochs > 1]
    return values[len(values) // 2 :]


def _fit_y_axis(axes: Axes, values: Sequence[np.ndarray]) -> None:
    """Sets the limits of the y axis to the values, with a margin; without values, leaves them."""
    joined = np.concatenate([[], *values])
    if len(joined):
        margin = max(0.05 * np.ptp(joined), 0.002)
        axes.set_ylim(joined.min() - margin, joined.max() + margin)

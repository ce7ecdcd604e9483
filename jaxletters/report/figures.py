"""A run's figures as functions of data; nothing here touches a file or pyplot's current figure."""

import io
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from jaxletters.report import analysis
from jaxletters.report.comparison import Row, accuracy
from jaxletters.types import Dataset

_DPI = 150
# Two of Okabe and Ito's colours: they differ for every kind of colour vision, and in lightness.
_TRAINING, _VALIDATION = "#E69F00", "#0072B2"
_INK, _FAINT = "#222222", "#767676"
_RING = {
    "linestyle": "",
    "marker": "o",
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgecolor": _INK,
}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
}

_EXAMPLES_PER_CLASS = 16
_EXAMPLE_HEIGHT = 56  # on screen, in pixels, as near as whole multiples come
_MISTAKES = 32
_MISTAKES_PER_ROW = 8
_MISTAKE_HEIGHT = 112
_NOTABLE_SHARE = 0.01


@contextmanager
def style() -> Iterator[None]:
    """The context to make and render figures in, whatever style the caller has set."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def png(figure: Figure, caption: str) -> bytes:
    """Returns a figure with `caption` at its foot as a PNG file; equal figures give equal bytes."""
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=_FAINT)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def contact_sheet(data: Dataset) -> Figure:
    """Draws the first examples of each class that occurs, a row per class."""
    labels = np.unique(data.labels)
    examples = [np.flatnonzero(data.labels == label)[:_EXAMPLES_PER_CLASS] for label in labels]
    figure, axes, corners = _mosaic(
        "Training images: each row must show the class named at its left",
        [list(data.images[chosen]) for chosen in examples],
        columns=_EXAMPLES_PER_CLASS,
        height=_EXAMPLE_HEIGHT,
        gap=(4, 4),
    )
    middles = corners[:, 0, 1] + data.images.shape[1] / 2
    axes.set_yticks(middles, [data.class_names[label] for label in labels], fontweight="bold")
    return figure


def learning_curves(history: Sequence[dict[str, Any]], best_step: int) -> Figure:
    """Draws loss and accuracy of both splits against the epoch, the best validation ringed.

    Args:
        history: records with "step", "epoch" (passes over the training examples so far), "split"
            ("train" or "validation"), and "loss" in nats and "accuracy" in [0, 1] where known; with
            "stage" where the run has several, whose ends get a line.
        best_step: the step of the best validation.
    """
    figure = Figure(figsize=(9, 3.8), dpi=_DPI, layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    history = analysis.smoothed(history)
    ends = _stage_ends(history)
    for axes, quantity in ((losses, "loss"), (accuracies, "accuracy")):
        training = _series(history, "train", quantity)
        validation = _series(history, "validation", quantity)
        best = _series([r for r in history if r["step"] == best_step], "validation", quantity)
        best_label = f"best, epoch {best[0, 0]:.3g}" if len(best) else ""
        for series, label, look in (
            (training, "training", {"color": _TRAINING, "marker": "o" * (len(training) == 1)}),
            (validation, "validation", {"color": _VALIDATION, "marker": "o", "markersize": 4}),
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
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)

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
    accuracies.yaxis.set_major_formatter(_percent)
    _leave_out_the_start(accuracies, history)
    for axes in (losses, accuracies):
        for end in ends:
            axes.axvline(end, color=_FAINT, linewidth=0.8, linestyle=":", zorder=0)
    return figure


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws each class's mistakes as shares of its examples, without classes that never occur."""
    shown = np.union1d(labels, predicted)
    counts = analysis.confusion_matrix(labels, predicted, len(names))[np.ix_(shown, shown)]
    shares = analysis.row_shares(counts)
    mistakes = shares.copy()
    np.fill_diagonal(mistakes, np.nan)

    size = len(shown)
    side = min(7.5, max(3.4, 0.5 * size))
    figure = Figure(figsize=(side + 1.6, side + 0.9), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("#ececec")
    worst = max(np.nanmax(mistakes, initial=0.0), 0.05)  # a good network's chart stays pale
    image = axes.imshow(mistakes, cmap="Oranges", norm=PowerNorm(0.5, vmin=0, vmax=worst))
    font_size = min(9.0, 0.32 * 72 * side / size)
    for (row, column), share in np.ndenumerate(shares):
        if row == column or share >= _NOTABLE_SHARE:
            colour = "white" if row != column and math.sqrt(share / worst) > 0.6 else _INK
            text = "" if np.isnan(share) else f"{round(100 * share, 1):g}"
            axes.text(column, row, text, size=font_size, color=colour, ha="center", va="center")
    shown_names = [names[int(label)] for label in shown]
    axes.set_xticks(range(size), shown_names)
    axes.set_yticks(range(size), shown_names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    wrong = int(counts.sum() - counts.trace())
    _headline(figure, f"{wrong:,} of {counts.sum():,} test images are misread")
    axes.set_title("% of the true class; grey: read correctly; blank: below 1%", fontsize=8)
    ticks = [share for share in (0, 0.01, 0.05, 0.2, 0.5, 1) if share <= worst]
    bar = figure.colorbar(image, shrink=0.6, ticks=ticks, format=_percent)
    bar.set_label("share of the true class misread so (%)")
    bar.outline.set_visible(False)
    return figure


def worst_mistakes(test: Dataset, logits: np.ndarray) -> Figure:
    """Draws the most confident mistakes with true class, predicted class and its probability."""
    mistakes = analysis.worst_mistakes(test.labels, logits, _MISTAKES)
    if not mistakes:
        figure = Figure(figsize=(8, 0.6), dpi=_DPI)
        _headline(figure, f"No mistakes: all {len(test.labels):,} test images are read correctly")
        return figure
    images = [test.images[mistake.example] for mistake in mistakes]
    figure, axes, corners = _mosaic(
        f"The {len(mistakes)} most confident mistakes: true class → taken for, its probability",
        [images[i : i + _MISTAKES_PER_ROW] for i in range(0, len(images), _MISTAKES_PER_ROW)],
        columns=_MISTAKES_PER_ROW,
        height=_MISTAKE_HEIGHT,
        gap=(14, 8),
    )
    for (left, top), mistake in zip(corners.reshape(-1, 2), mistakes, strict=False):
        label, predicted = (test.class_names[i] for i in (mistake.label, mistake.predicted))
        axes.text(
            left + test.images.shape[2] / 2,
            top - 1,
            f"{label} → {predicted}\n{mistake.probability:.1%}",
            fontsize=8,
            ha="center",
        )
    return figure


def comparison(rows: Sequence[Row], baseline: Row | None) -> Figure:
    """Draws every row's accuracy with its 95% interval, or its folds, and a line at the baseline's.

    Args:
        rows: from top to bottom.
        baseline: what the others are compared with, or None.
    """
    own, other = _VALIDATION, _TRAINING
    height = 1.1 + 0.24 * len(rows)
    drawn = Figure(figsize=(8, height), dpi=_DPI, layout="constrained")
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
    axes.set_xlabel("correct on test (%), 95% interval or every fold; diamond: reference")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    return drawn


def _headline(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize=10)


def _percent(share: float, position: int) -> str:  # noqa: ARG001 - Matplotlib passes a tick's position
    return f"{100 * share:.6g}"


def _mosaic(
    headline: str,
    rows: Sequence[Sequence[np.ndarray]],
    columns: int,
    height: int,
    gap: tuple[int, int],
) -> tuple[Figure, Axes, np.ndarray]:
    """Draws rows of at most `columns` images, each image pixel as a square of whole screen pixels.

    Args:
        headline: what is seen.
        rows: uint8 images `[h, w]` of one size, 0 = paper, 255 = ink.
        columns: images that a row has room for.
        height: about how many screen pixels an image is to measure.
        gap: image pixels of paper above each image, and at its right.

    Returns:
        The figure, its axes in units of image pixels, and each place's top left corner (x, y) in
        them: int `[rows, columns, 2]`.
    """
    h, w = rows[0][0].shape
    places = np.indices((len(rows), columns))
    corners = np.stack([places[1] * (w + gap[1]), places[0] * (h + gap[0]) + gap[0]], axis=-1)
    sheet = np.zeros((len(rows) * (h + gap[0]), columns * (w + gap[1])), np.uint8)
    for row, images in enumerate(rows):
        for (x, y), image in zip(corners[row], images, strict=False):
            sheet[y : y + h, x : x + w] = image

    zoom = max(1, round(height / h))
    left, right, bottom, top = 60, 20, 40, 40
    size = sheet.shape[1] * zoom + left + right, sheet.shape[0] * zoom + bottom + top
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    figure.text(left / size[0], 1 - 10 / size[1], headline, fontsize=10, va="top")
    box = (left, bottom, sheet.shape[1] * zoom, sheet.shape[0] * zoom)
    axes = figure.add_axes(tuple(np.divide(box, size * 2)))
    extent = (0, sheet.shape[1], sheet.shape[0], 0)
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest", extent=extent)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure, axes, corners


def _series(history: Sequence[dict[str, Any]], split: str, quantity: str) -> np.ndarray:
    """Returns float64 `[n, 2]`: the epochs of one split and one quantity's finite values there."""
    pairs = [(r["epoch"], r[quantity]) for r in history if r["split"] == split and quantity in r]
    series = np.array(pairs, np.float64).reshape(-1, 2)
    return series[np.isfinite(series[:, 1])]


def _stage_ends(history: Sequence[dict[str, Any]]) -> list[float]:
    """Returns the epochs after which another stage follows."""
    return [
        before["epoch"]
        for before, after in itertools.pairwise(history)
        if before.get("stage") != after.get("stage")
    ]


def _leave_out_the_start(axes: Axes, history: Sequence[dict[str, Any]]) -> None:
    """Fits the axis to validation and later training: the first steps would squeeze the rest."""
    training = _series(history, "train", "accuracy")[:, 1]
    validation = _series(history, "validation", "accuracy")[:, 1]
    if len(validation) > 1:
        shown = np.concatenate([validation, training[len(training) // 2 :]])
        margin = max(0.05 * np.ptp(shown), 0.002)
        axes.set_ylim(shown.min() - margin, shown.max() + margin)

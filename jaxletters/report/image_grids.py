"""Figures of images: labelled sheets of examples, of mistakes, and of a network's first kernels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxletters.core.types import Dataset
from jaxletters.evaluation import analysis
from jaxletters.evaluation.label_errors import Suspect
from jaxletters.report import style

_EXAMPLES_PER_CLASS = 16
_SHEET_WIDTH = 1100  # in image pixels
# Heights are in screen pixels, rounded to a multiple of the image's height.
_EXAMPLE_HEIGHT = 56
_KERNEL_HEIGHT = 48
_MISTAKES = 32
_MISTAKES_PER_ROW = 8
_MISTAKE_HEIGHT = 112
SUSPECTS = 120
_SUSPECTS_PER_ROW = 12
_SUSPECT_HEIGHT = 84


def contact_sheet(data: Dataset) -> Figure:
    """Draws the first examples of each class that occurs, one row per class."""
    occurring = np.unique(data.labels)
    labels = occurring[: style.MOST_CLASSES]
    columns = min(_EXAMPLES_PER_CLASS, max(4, _SHEET_WIDTH // data.images.shape[2]))
    shown_names = [style.class_name(data.class_names, int(label)) for label in labels]
    examples = [np.flatnonzero(data.labels == label)[:columns] for label in labels]
    rest = f" (the first {len(labels)} of {len(occurring):,})" * (len(labels) < len(occurring))
    figure, axes, corners = _mosaic(
        f"Each row must show the class named at its left{rest}",
        [list(data.images[chosen]) for chosen in examples],
        columns=columns,
        height=_EXAMPLE_HEIGHT,
        gap=(4, 4),
        left_margin=24 + max(36, 13 * max(map(len, shown_names))),
    )
    middles = corners[:, 0, 1] + data.images.shape[1] / 2
    axes.set_yticks(middles, shown_names, fontweight="bold")
    return figure


def augmented(originals: np.ndarray, variants: np.ndarray) -> Figure:
    """Draws one row for each image: the image, then its augmented variants.

    Args:
        originals: uint8 `[n, h, w]` or `[n, h, w, 3]`.
        variants: uint8 `[n, k, h, w]` or `[n, k, h, w, 3]`.
    """
    rows = [[image, *changed] for image, changed in zip(originals, variants, strict=True)]
    figure, _, _ = _mosaic(
        "As the network sees them in training: at the left the image, then random changes of it",
        rows,
        columns=len(rows[0]),
        height=_EXAMPLE_HEIGHT,
        gap=(4, 4),
    )
    return figure


def kernels(weights: np.ndarray) -> Figure:
    """Draws the kernels of a first layer: positive weights dark, negative weights light.

    Args:
        weights: float32 `[kh, kw, n]`.
    """
    height, width, count = weights.shape
    kernels_first = np.moveaxis(weights, 2, 0)
    largest = np.abs(kernels_first).max(axis=(1, 2), keepdims=True)
    largest = np.maximum(largest, np.finfo(np.float32).tiny)  # a kernel may be all zeros
    shades = np.rint(127.5 + 127.5 * kernels_first / largest).astype(np.uint8)
    columns = min(_EXAMPLES_PER_CLASS, count)
    figure, _, _ = _mosaic(
        f"The first layer's {count} kernels of {height}x{width}, each to its own scale",
        [list(shades[i : i + columns]) for i in range(0, count, columns)],
        columns=max(columns, 8),
        height=_KERNEL_HEIGHT,
        gap=(1, 1),
    )
    return figure


def worst_mistakes(test: Dataset, logits: np.ndarray) -> Figure:
    """Draws the most confident mistakes with their true class, predicted class and its probability."""
    mistakes = analysis.worst_mistakes(test.labels, logits, _MISTAKES)
    if not mistakes:
        figure = Figure(figsize=(8, 0.6), dpi=style.DPI)
        style.headline(
            figure, f"No mistakes: all {len(test.labels):,} test images are read correctly"
        )
        return figure
    return _captioned(
        f"The {len(mistakes)} most confident mistakes: true class → taken for, its probability",
        test,
        [(one.example, one.label, one.predicted, one.probability) for one in mistakes],
        per_row=_MISTAKES_PER_ROW,
        height=_MISTAKE_HEIGHT,
    )


def suspects(data: Dataset, doubted: Sequence[Suspect]) -> Figure:
    """Draws the examples whose labels are in most doubt, with the suggested class and its probability.

    Args:
        data: the examples.
        doubted: those in doubt, the most doubtful first.
    """
    if not doubted:
        figure = Figure(figsize=(8, 0.6), dpi=style.DPI)
        style.headline(figure, f"No label of {len(data.labels):,} is in doubt")
        return figure
    shown = doubted[:SUSPECTS]
    return _captioned(
        f"The {len(shown)} of {len(doubted):,} doubted labels in most doubt: label → suggested class, its "
        "probability",
        data,
        [(one.example, one.label, one.suggested, one.suggested_probability) for one in shown],
        per_row=_SUSPECTS_PER_ROW,
        height=_SUSPECT_HEIGHT,
    )


def _captioned(
    headline: str,
    data: Dataset,
    shown: Sequence[tuple[int, int, int, float]],
    per_row: int,
    height: int,
) -> Figure:
    """Draws examples, each below two of its classes and the probability of the second.

    Args:
        headline: the text above the images.
        data: the examples.
        shown: for each image its example, its label, the other class and that class's probability.
        per_row: images in a row.
        height: of an image, in screen pixels.
    """
    images = [data.images[example] for example, _, _, _ in shown]
    figure, axes, corners = _mosaic(
        headline,
        [images[i : i + per_row] for i in range(0, len(images), per_row)],
        columns=per_row,
        height=height,
        gap=(14, 8),
    )
    pairs = [[style.class_name(data.class_names, i) for i in one[1:3]] for one in shown]
    long = max(len(name) for pair in pairs for name in pair) > 3
    for (left, top), (label, other), one in zip(corners.reshape(-1, 2), pairs, shown, strict=False):
        text = f"{label} → {other}\n{one[3]:.1%}"
        if long:
            text = f"{label}\n→ {other} {one[3]:.0%}"
        axes.text(
            left + data.images.shape[2] / 2,
            top - 1,
            text,
            fontsize=6 if long else 8,
            ha="center",
        )
    return figure


def _mosaic(
    headline: str,
    rows: Sequence[Sequence[np.ndarray]],
    columns: int,
    height: int,
    gap: tuple[int, int],
    left_margin: int = 60,
) -> tuple[Figure, Axes, np.ndarray]:
    """Draws rows of at most `columns` images, each image pixel as a square of whole screen pixels.

    Args:
        headline: the text above the images.
        rows: uint8 images of one size: `[h, w]`, 0 = paper, 255 = ink, or in colour `[h, w, 3]`.
        columns: the number of images in a full row.
        height: the approximate height of an image, in screen pixels.
        gap: the blank space above each image and at its right, in image pixels.
        left_margin: the space for names at the left, in screen pixels.

    Returns:
        The figure, its axes in units of image pixels, and the top left corner (x, y) of each image in
        these units: int `[rows, columns, 2]`.
    """
    h, w, *channels = rows[0][0].shape
    places = np.indices((len(rows), columns))
    corners = np.stack([places[1] * (w + gap[1]), places[0] * (h + gap[0]) + gap[0]], axis=-1)
    size_of_sheet = len(rows) * (h + gap[0]), columns * (w + gap[1])
    sheet = np.full((*size_of_sheet, *channels), 255 if channels else 0, np.uint8)
    for row, images in enumerate(rows):
        for (x, y), image in zip(corners[row], images, strict=False):
            sheet[y : y + h, x : x + w] = image

    zoom = max(1, round(height / h))
    left, right, bottom, top = left_margin, 20, 40, 40
    size = sheet.shape[1] * zoom + left + right, sheet.shape[0] * zoom + bottom + top
    figure = Figure(figsize=(size[0] / style.DPI, size[1] / style.DPI), dpi=style.DPI)
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

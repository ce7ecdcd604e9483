"""How all figures of a report look, and a figure as a PNG file."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 150
# Two of Okabe and Ito's colours: they differ for every kind of colour vision, and in lightness.
TRAINING, VALIDATION = "#E69F00", "#0072B2"
INK, FAINT = "#222222", "#767676"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


@contextmanager
def style() -> Iterator[None]:
    """The context to make and render figures in, whatever style the caller has set."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def png(figure: Figure, caption: str) -> bytes:
    """Returns a figure with `caption` at its foot as a PNG file; equal figures give equal bytes."""
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=FAINT)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def css_width(figure: Figure) -> int:
    """Returns how wide, in CSS pixels, a figure is on a page where its text has the size it was set in."""
    return round(96 * figure.get_size_inches()[0])


def headline(figure: Figure, text: str) -> None:
    """Writes a line at the top left of a figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=10)


def percent(share: float, position: float) -> str:  # noqa: ARG001
    """Returns a share as a number of percent; Matplotlib calls it for every tick."""
    return f"{100 * share:.6g}"

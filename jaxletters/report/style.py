"""How all figures of a report look, and a figure as a PNG file."""

import functools
import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 150
# A figure of more classes could be neither read nor opened.
MOST_CLASSES = 62
# Beside DejaVu Sans, which comes with Matplotlib: fonts of other scripts that systems have.
_SCRIPTS = ("CJK", "Gothic", "Hiragino", "Devanagari", "Bengali", "Tamil", "Thai", "Ethiopic")
_LONGEST_NAME = 14
# Two of Okabe and Ito's colours: they differ for every kind of colour vision, and in lightness.
TRAINING, VALIDATION = "#E69F00", "#0072B2"
INK, FAINT = "#222222", "#767676"
_STYLE: dict[Any, Any] = {
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
def style() -> Generator[None]:
    """The context to make and render figures in, whatever style the caller has set."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams["font.family"] = list(_families())
        yield


@functools.cache
def _families() -> tuple[str, ...]:
    """Returns the fonts that figures are set in: for each character the first that has it."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    others = sorted(name for name in installed if any(script in name for script in _SCRIPTS))
    return ("DejaVu Sans", *others)


@functools.cache
def _paths() -> tuple[str, ...]:
    return tuple(font_manager.findfont(family) for family in _families())


def _has(path: str, character: str) -> bool:
    return bool(font_manager.get_font(path).get_char_index(ord(character)))


def font_of(text: str) -> str:
    """Returns the file of the first font that has a whole text, or else of the first."""
    whole = (path for path in _paths() if all(_has(path, character) for character in text))
    return next(whole, _paths()[0])


def class_name(names: Sequence[str], label: int) -> str:
    """Returns a class's name as a figure can show it: shortened; its number where no font has its script."""
    name = names[label]
    if not all(any(_has(path, character) for path in _paths()) for character in name):
        return f"#{label}"
    if len(name) <= _LONGEST_NAME:
        return name
    half = _LONGEST_NAME // 2
    return f"{name[:half]}…{name[-half + 1 :]}"


def legend(names: Sequence[str]) -> str:
    """Returns which classes figures call by their numbers, "" for none."""
    numbered = {f"#{i}": i for i in range(len(names))}
    found = [
        f"{number} is {names[i]}"
        for number, i in numbered.items()
        if class_name(names, i) == number
    ]
    if not found:
        return ""
    more = " ..." if len(found) > MOST_CLASSES else ""
    return f"In figures, for want of a font: {', '.join(found[:MOST_CLASSES])}{more}."


def turn_long_names(axes: Axes, names: Sequence[str]) -> None:
    """Turns the class names below a chart upright where they would run into each other."""
    if max(map(len, names), default=0) > 2:
        axes.tick_params(axis="x", labelrotation=90)


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

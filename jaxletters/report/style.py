"""The style of all figures of a report, and their PNG files."""

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
# A figure with more classes would be too large to open and to read.
MOST_CLASSES = 62
# Parts of the names of system fonts for scripts that DejaVu Sans, Matplotlib's own font, lacks.
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
    """The context in which figures are drawn and rendered, independent of the caller's style."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        matplotlib.rcParams["font.family"] = list(_families())
        yield


@functools.cache
def _families() -> tuple[str, ...]:
    """Returns the fonts of figures; Matplotlib sets each character in the first font that has it."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    others = sorted(name for name in installed if any(script in name for script in _SCRIPTS))
    return ("DejaVu Sans", *others)


@functools.cache
def _font_files() -> tuple[str, ...]:
    return tuple(font_manager.findfont(family) for family in _families())


def _has_character(font_file: str, character: str) -> bool:
    return bool(font_manager.get_font(font_file).get_char_index(ord(character)))


def font_of(text: str) -> str:
    """Returns the file of the first font that has every character of a text, else of the first font."""
    for font_file in _font_files():
        if all(_has_character(font_file, character) for character in text):
            return font_file
    return _font_files()[0]


def class_name(names: Sequence[str], label: int) -> str:
    """Returns the name of a class, shortened, for a figure; "#" and its label if no font can show it."""
    name = names[label]
    font_files = _font_files()
    if not all(any(_has_character(file, character) for file in font_files) for character in name):
        return f"#{label}"
    if len(name) <= _LONGEST_NAME:
        return name
    half = _LONGEST_NAME // 2
    return f"{name[:half]}…{name[-half + 1 :]}"


def legend(names: Sequence[str]) -> str:
    """Returns a sentence with the names of the classes that figures show as numbers; "" for no such class."""
    numbered = [
        f"#{i} is {name}" for i, name in enumerate(names) if class_name(names, i) == f"#{i}"
    ]
    if not numbered:
        return ""
    ellipsis = " ..." if len(numbered) > MOST_CLASSES else ""
    return f"In figures, for want of a font: {', '.join(numbered[:MOST_CLASSES])}{ellipsis}."


def turn_long_names(axes: Axes, names: Sequence[str]) -> None:
    """Turns the class names below a chart by 90 degrees if one is long, because they would overlap."""
    if max(map(len, names), default=0) > 2:
        axes.tick_params(axis="x", labelrotation=90)


def png(figure: Figure, caption: str) -> bytes:
    """Returns a figure as a PNG file, with a caption at the bottom; equal figures give equal bytes."""
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7, color=FAINT)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return file.getvalue()


def css_width(figure: Figure) -> int:
    """Returns the width of a figure on a page, in CSS pixels, that keeps the font sizes of its text."""
    return round(96 * figure.get_size_inches()[0])


def grid(axes: Axes) -> None:
    """Draws pale horizontal lines behind a chart."""
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)


def headline(figure: Figure, text: str) -> None:
    """Writes a line at the top left of a figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=10)


def percent(share: float, position: float) -> str:  # noqa: ARG001
    """Formats a share in [0, 1] as a percentage without the sign, for Matplotlib's axes."""
    return f"{100 * share:.6g}"

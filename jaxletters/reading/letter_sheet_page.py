"""The page of the sheet to fill in, for printers."""

import io
from typing import Any, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from jaxletters.reading import letter_sheet
from jaxletters.report import style

_MILLIMETRES = 25.4  # of an inch
_DPI = 200
_HEADING = "Write each letter five times, one in a box, as you usually write it, with a dark pen."
_NEXT_STEP = "Photograph the whole sheet, then: jaxletters sheet --read PHOTO --to FOLDER"
# Left edge and middle of the two lines, and the distance of a letter from its first box, in millimetres.
_TEXT_LEFT, _HEADING_MIDDLE, _NEXT_STEP_MIDDLE, _LABEL = 33.0, 13.5, 18.5, 5.0
_FRAME_COLOUR, _FRAME_POINTS = "#8c8c8c", 0.9


def pdf() -> bytes:
    """Returns the sheet as a PDF file, a page of A4; equal versions of Matplotlib give equal bytes."""
    file = io.BytesIO()
    with style.style():
        FigureCanvasPdf(_draw()).print_pdf(file, metadata={"CreationDate": None})
    return file.getvalue()


def png() -> bytes:
    """Returns the sheet as a PNG file, a page of A4 at 200 dots per inch."""
    file = io.BytesIO()
    with style.style():
        FigureCanvasAgg(_draw()).print_png(file, metadata={"Software": None})
    return file.getvalue()


def _draw() -> Figure:
    width, height = letter_sheet.WIDTH, letter_sheet.HEIGHT
    figure = Figure(figsize=(width / _MILLIMETRES, height / _MILLIMETRES), dpi=_DPI)
    # The parameters of Matplotlib's artists have no types.
    axes = cast(Any, figure.add_axes((0, 0, 1, 1)))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)

    def fill(left: float, top: float, width: float, height: float, colour: str = "black") -> None:
        axes.add_patch(Rectangle((left, top), width, height, facecolor=colour, linewidth=0))

    for x, y in letter_sheet.MARKS:
        for share, colour in ((1, "black"), (5 / 7, "white"), (3 / 7, "black")):
            side = share * letter_sheet.MARK_SIDE
            fill(x - side / 2, y - side / 2, side, side, colour)
    fill(*letter_sheet.BAR)
    axes.text(_TEXT_LEFT, _HEADING_MIDDLE, _HEADING, fontsize=9, va="center")
    axes.text(_TEXT_LEFT, _NEXT_STEP_MIDDLE, _NEXT_STEP, fontsize=7, va="center", color=style.FAINT)
    size = letter_sheet.BOX_WIDTH, letter_sheet.BOX_HEIGHT
    frame = {"fill": False, "edgecolor": _FRAME_COLOUR, "linewidth": _FRAME_POINTS}
    label = {"fontsize": 10, "ha": "center", "va": "center", "color": style.FAINT}
    for i, (letter, left, top) in enumerate(letter_sheet.places()):
        axes.add_patch(Rectangle((left, top), *size, **cast(Any, frame)))
        if i % letter_sheet.EXAMPLES == 0:
            axes.text(left - _LABEL, top + size[1] / 2, letter, **label)
    return figure

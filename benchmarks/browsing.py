"""A headless Chromium, and handwriting in it with the mouse."""

import contextlib
import shutil
from collections.abc import Iterator

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from jaxletters.data.synthetic import sketch, strokes

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# A new profile asks, updates and synchronizes; root has no sandbox.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
# As shares of the height of a line: the height of letters, their baseline, and the gaps between letters
# and between words.
_TALL, _BASE, _GAP, _SPACE = 0.55, 0.74, 0.12, 0.5


def chromium() -> str | None:
    """Returns the path of the installed Chromium, None without one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextlib.contextmanager
def opened() -> Iterator[Browser]:
    """Starts the browser, yields it, and closes it.

    Raises:
        RuntimeError: Chromium is not installed.
    """
    if (path := chromium()) is None:
        raise RuntimeError(f"expected one of {', '.join(_NAMES)} on the PATH, found none of them")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def write(page: Page, text: str) -> None:
    """Writes words, in one or more lines, on the demo's board with the mouse."""
    board = page.locator("#canvas").bounding_box()
    assert board
    lines = text.split("\n")
    height = board["height"] / len(lines)
    for i, line in enumerate(lines):
        _write_line(page, line, board["x"], board["y"] + i * height, board["width"], height)


def _write_line(
    page: Page, line: str, left: float, top: float, width: float, height: float
) -> None:
    """Writes a line in the middle of its place."""
    letters = [sketch.paths(strokes.LETTERS[letter].test[0]) for letter in line if letter != " "]
    lows, highs = zip(*(_edges(letter) for letter in letters), strict=True)
    # The gap before each letter, in units of the height of letters.
    gaps = [
        0 if not before else _SPACE / _TALL if before[-1] == " " else _GAP / _TALL
        for before in (line[:i] for i, letter in enumerate(line) if letter != " ")
    ]
    total = sum(high[0] - low[0] for low, high in zip(lows, highs, strict=True)) + sum(gaps)
    size = min(_TALL * height, 0.9 * width / total)
    x = left + (width - size * total) / 2
    base = top + _BASE * height
    for letter, low, high, gap in zip(letters, lows, highs, gaps, strict=True):
        x += size * gap
        corner = np.array([x, base - size * (high[1] - low[1])])
        for stroke in letter:
            _draw(page, (stroke - low) * size + corner)
        x += size * (high[0] - low[0])


def _edges(letter: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate(letter)
    return points.min(axis=0), points.max(axis=0)


def _draw(page: Page, points: np.ndarray) -> None:
    first, *rest = points.tolist()
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point)
    page.mouse.up()

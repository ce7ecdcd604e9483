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
# Height and gap of letters, as shares of the height of the board.
_TALL, _GAP = 0.55, 0.12


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


def write(page: Page, word: str) -> None:
    """Writes a word on the demo's board, with the mouse, in the middle."""
    board = page.locator("#canvas").bounding_box()
    assert board
    letters = [sketch.paths(strokes.LETTERS[letter].test[0]) for letter in word]
    lows, highs = zip(*(_edges(letter) for letter in letters), strict=True)
    widths = [high[0] - low[0] for low, high in zip(lows, highs, strict=True)]
    gap = _GAP / _TALL
    room = 0.9 * board["width"] / (sum(widths) + gap * (len(word) - 1))
    size = min(_TALL * board["height"], room)
    x = board["x"] + (board["width"] - size * (sum(widths) + gap * (len(word) - 1))) / 2
    base = board["y"] + 0.74 * board["height"]
    for letter, low, high, width in zip(letters, lows, highs, widths, strict=True):
        corner = np.array([x, base - size * (high[1] - low[1])])
        for stroke in letter:
            _draw(page, (stroke - low) * size + corner)
        x += size * (width + gap)


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

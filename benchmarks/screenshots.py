"""The screenshots in docs/: the demo with a word written in it, the report of a run, and a comparison.

    python benchmarks/screenshots.py RUN OTHER...

Needs Chromium on the PATH and the packages of `pip install -e '.[test]'`; takes about a minute.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from browsing import opened, write
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from served import served

ROOT = Path(__file__).parents[1]
WORD = "JAX"
DESKTOP, PHONE = (1000, 780), (360, 740)
# Enough for flat colours and some greys.
_COLOURS = 256


@contextlib.contextmanager
def page_of(
    browser: Browser, address: str, size: tuple[int, int], scheme: str = "light"
) -> Iterator[Page]:
    """Opens a page in a window of `size` CSS pixels, at two device pixels each, and closes it."""
    width, height = size
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2,
    ) as context:
        page = context.new_page()
        page.goto(address)
        yield page


def save(page: Page, path: Path) -> None:
    """Saves the window as a small PNG."""
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # MAXCOVERAGE keeps the colours of charts distinct.
    few = shot.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}: {shot.width} x {shot.height}, {path.stat().st_size / 1000:.0f} kB")


def show_demo(browser: Browser, to: Path) -> None:
    """Takes the screenshots of the demo, with the reader of the package."""
    with served(None) as address:
        for name, size, scheme in (
            ("demo.png", DESKTOP, "light"),
            ("demo_dark.png", DESKTOP, "dark"),
            ("demo_phone.png", PHONE, "light"),
        ):
            with page_of(browser, address, size, scheme) as page:
                write(page, WORD)
                expect(page.locator("#status")).to_have_text(f"Reads {WORD}", timeout=60_000)
                save(page, to / name)


def compare(runs: list[Path], folder: Path) -> str:
    """Writes the comparison of some runs; returns its URL."""
    command = [
        sys.executable,
        "-m",
        "jaxletters.cli.main",
        "report",
        *map(str, runs),
        f"--to={folder}",
    ]
    subprocess.run(command, check=True)
    return (folder / "index.html").as_uri()


def main() -> None:
    """Takes all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run's folder")
    parser.add_argument("others", type=Path, nargs="+", help="those it is compared with")
    parser.add_argument(
        "--to", type=Path, default=ROOT / "docs", help="where the PNGs are written (docs)"
    )
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    report = (arguments.run / "report" / "index.html").absolute().as_uri()
    with opened() as browser, tempfile.TemporaryDirectory() as folder:
        show_demo(browser, arguments.to)
        compared = compare([arguments.run, *arguments.others], Path(folder) / "comparison")
        for name, size, address in (
            ("report.png", DESKTOP, report),
            ("report_phone.png", PHONE, report),
            ("comparison.png", DESKTOP, compared),
            ("comparison_phone.png", PHONE, compared),
        ):
            with page_of(browser, address, size) as page:
                save(page, arguments.to / name)


if __name__ == "__main__":
    main()

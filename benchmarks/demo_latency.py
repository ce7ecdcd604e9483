"""Latency of the demo: from the request that the page sends to the complete response.

    python benchmarks/demo_latency.py RUN

The demo runs in a separate process, on an otherwise idle machine. Takes less than a minute and writes
benchmarks/results/demo.md. Excluded are drawing and PNG encoding, which the browser does.
"""

import argparse
import io
import os
import time
from datetime import date
from pathlib import Path

import httpx
import numpy as np
from PIL import Image, ImageDraw
from served import ROOT, served

from jaxletters.data.synthetic import sketch, strokes
from jaxletters.runtime import environment

WORDS = {"1 letter": "A", "5 letters": "JAXON"}
ROUNDS, WARMUP = 200, 10
# In milliseconds.
TARGETS = {"1 letter": 20.0, "5 letters": 50.0}
# In pixels, of the picture that the page sends: height of letters, pen width, margin and gap.
_HEIGHT, _PEN, _MARGIN, _GAP = 88, 6, 16, 20
# Oversampling, which gives lines soft edges like those of a browser.
_FINE = 4


def drawing(word: str) -> bytes:
    """Returns the PNG of a word as the page sends it, black on white."""
    letters, left = [], 0.0
    for letter in word:
        paths = sketch.paths(strokes.LETTERS[letter].test[0])
        points = np.concatenate(paths)
        letters += [(path - points.min(axis=0)) * _HEIGHT + (left, 0) for path in paths]
        left += np.ptp(points[:, 0]) * _HEIGHT + _GAP
    width, height = (round(max(path[:, axis].max() for path in letters)) for axis in (0, 1))
    size = (_FINE * (width + 2 * _MARGIN), _FINE * (height + 2 * _MARGIN))
    image = Image.new("L", size, "white")
    draw = ImageDraw.Draw(image)
    for path in letters:
        points = [tuple(point) for point in (_FINE * (path + _MARGIN)).tolist()]
        draw.line(points, fill="black", width=_FINE * _PEN, joint="curve")
    file = io.BytesIO()
    image.reduce(_FINE).convert("RGBA").save(file, "PNG")
    return file.getvalue()


def milliseconds(client: httpx.Client, word: str) -> np.ndarray:
    """Returns the latencies of the responses in milliseconds: `[ROUNDS]`."""
    content = drawing(word)
    latencies = []
    for _ in range(WARMUP + ROUNDS):
        start = time.perf_counter()
        response = client.post("/read", content=content).json()
        latencies.append(1000 * (time.perf_counter() - start))
        (line,) = response["lines"]
        assert sum(map(len, line)) == len(word), response["text"]
    return np.array(latencies[WARMUP:])


def main() -> None:
    """Measures, prints, and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run's folder")
    run: Path = parser.parse_args().run
    rows = []
    with served(run) as address, httpx.Client(base_url=address, trust_env=False) as client:
        for name, word in WORDS.items():
            latencies = milliseconds(client, word)
            median, slow = np.percentile(latencies, (50, 95))
            missed = "" if median <= TARGETS[name] else f" **(missed {TARGETS[name]:.0f} ms)**"
            rows.append(f"| {name} | {median:.1f} ms{missed} | {slow:.1f} ms |")
    versions = environment.describe()["versions"]
    stack = ", ".join(f"{name} {versions[name]}" for name in ("python", "jaxlib", "flax"))
    lines = [
        "| drawn | median | 95th percentile |",
        "|---|---|---|",
        *rows,
        "",
        f"From a request to the whole answer, {ROUNDS} each, with the network of `{run.absolute().name}`; "
        f"{os.cpu_count()} CPU cores, {stack}, {date.today()}; `python benchmarks/demo_latency.py`.",
    ]
    result = ROOT / "benchmarks" / "results" / "demo.md"
    result.write_text("\n".join(lines) + "\n")
    print(result.read_text())


if __name__ == "__main__":
    main()

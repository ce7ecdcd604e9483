"""Accuracy of `jaxletters predict` on simulated photographs of letters.

    python benchmarks/photographs.py checkpoints/emnist_letternet_s

draws every unambiguous capital and small letter, in the test forms of `jaxletters.data.synthetic.strokes`,
as photographs: pens and chalk of several widths and colours, tinted paper or a board, rotation by up to ten
degrees, uneven light, noise, JPEG. It writes benchmarks/results/photographs.md, and photographs.png in the
run folder.
"""

import argparse
import io
import string
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.data.synthetic.strokes import LETTERS
from jaxletters.reading import loader, recognition
from jaxletters.reading.classifier import Classifier
from jaxletters.runtime import xla

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "photographs.md"
PAPERS = ((250, 250, 247), (244, 236, 214), (228, 236, 246), (236, 244, 228), (214, 210, 204))
INKS = ((20, 20, 24), (24, 40, 140), (170, 30, 40), (20, 100, 60), (90, 90, 96))
BOARDS, CHALKS = ((36, 60, 48), (40, 42, 46)), ((236, 236, 230), (240, 220, 140))
# These letters are ambiguous on their own.
AMBIGUOUS = frozenset("Iil")


class Photograph(NamedTuple):
    """A picture of a letter: its name, and uint8 `[h, w, 3]`."""

    letter: str
    image: np.ndarray


def photograph(letter: str, form: str, rng: np.random.Generator) -> Photograph:
    """Returns a picture of one form of a letter."""
    height, width = rng.integers(220, 900, 2)
    size = min(height, width) * rng.uniform(0.3, 0.6)
    angle = np.deg2rad(rng.uniform(-10, 10))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    strokes = [size * path @ turn for path in sketch.paths(form)]
    corner = np.concatenate(strokes).min(0)
    room = np.array([width, height]) - (np.concatenate(strokes).max(0) - corner)
    place = room * rng.uniform(0.25, 0.75, 2) - corner
    written = _pen(
        [stroke + place for stroke in strokes], (width, height), size * rng.uniform(0.025, 0.09)
    )
    on_board = rng.random() < 0.2
    paper, ink = (rng.choice(c) for c in ((BOARDS, CHALKS) if on_board else (PAPERS, INKS)))
    strength = written[..., None] * rng.uniform(0.75, 1)
    light = _light((height, width), rng)[..., None]
    seen = light * ((1 - strength) * paper + strength * ink)
    seen += rng.normal(0, rng.uniform(1, 8), seen.shape)
    return Photograph(
        letter, _as_jpeg(np.clip(seen, 0, 255).astype(np.uint8), int(rng.integers(55, 95)))
    )


def _pen(strokes: list[np.ndarray], size: tuple[int, int], pen: float) -> np.ndarray:
    """Returns strokes with round ends: float `[h, w]` in [0, 1]."""
    fine = 2
    image = Image.new("L", (fine * size[0], fine * size[1]))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(fine * x, fine * y) for x, y in stroke.tolist()]
        draw.line(points, fill=255, width=max(round(fine * pen), 1), joint="curve")
        for x, y in points:
            r = fine * pen / 2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(image.resize(size, Image.Resampling.BOX), np.float32) / 255


def _light(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Returns the brightness of a lamp at one side, which falls by up to a third across the picture."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    (down, right), edge = rng.uniform(-0.15, 0.15, 2), rng.uniform(0, 0.12)
    return 0.88 + down * y + right * x - edge * (x * x + y * y) / 2


def _as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def photographs(seed: int) -> list[Photograph]:
    """Returns a picture of every unambiguous capital and small letter."""
    rng = np.random.default_rng(seed)
    letters = [c for c in string.ascii_letters if c not in AMBIGUOUS]
    return [photograph(c, str(rng.choice(LETTERS[c].test)), rng) for c in letters]


def read(classifier: Classifier, picture: Photograph) -> str:
    """Returns the text that the classifier reads, "" if it finds no letters."""
    try:
        return recognition.read(classifier, picture.image, picture.letter).text
    except UserError:
        return ""


def sheet(pictures: list[Photograph], texts: list[str]) -> Image.Image:
    """Returns thumbnails of all pictures with their letters and wrong readings."""
    columns, cell = 10, 130
    page = Image.new("RGB", (columns * cell, -(-len(pictures) // columns) * (cell + 20)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for i, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        place = (i % columns) * cell, (i // columns) * (cell + 20)
        small = Image.fromarray(picture.image)
        small.thumbnail((cell - 6, cell - 6))
        page.paste(small, place)
        right = text == picture.letter.upper()
        label = picture.letter if right else f"{picture.letter}, read as {text or 'nothing'}"
        draw.text(
            (place[0], place[1] + cell - 4), label, fill="black" if right else "red", font=font
        )
    return page


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    arguments = parser.parse_args()
    xla.configure()
    classifier = loader.load(arguments.run)
    samples = [picture for seed in arguments.seeds for picture in photographs(seed)]
    texts = [read(classifier, picture) for picture in samples]
    wrong = [(p.letter, t) for p, t in zip(samples, texts, strict=True) if t != p.letter.upper()]
    sheet(samples, texts).save(arguments.run / "photographs.png")
    read_as = ", ".join(f"{letter} as {text or 'nothing'}" for letter, text in wrong)
    rest = f"; misread: {read_as}" if wrong else ""
    lines = [
        f"Of {len(samples)} letters in simulated photographs, {len(samples) - len(wrong)} are read right "
        f"({1 - len(wrong) / len(samples):.1%}){rest}.",
        "",
        f"Letters drawn by code, {classifier.name}, jaxlib {version('jaxlib')}, pillow {version('pillow')}, "
        f"{date.today()}; `python benchmarks/photographs.py`.",
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")

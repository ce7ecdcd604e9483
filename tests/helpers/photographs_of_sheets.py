"""A sheet that code fills in with letters and photographs, with perspective, on a desk, in uneven light."""

import functools
import io

import numpy as np
from PIL import Image

from jaxletters.reading import letter_sheet, letter_sheet_page

# The corners of the photographed sheet, clockwise from the top left, as shares of width and height.
CORNERS = ((0.08, 0.06), (0.93, 0.1), (0.97, 0.95), (0.04, 0.92))
_SIZE = (1200, 1600)
_LETTER = 10.0  # side of a letter in millimetres


@functools.cache
def _empty() -> Image.Image:
    return Image.open(io.BytesIO(letter_sheet_page.png())).convert("L")


def filled(images: dict[int, np.ndarray], ink: int = 50) -> np.ndarray:
    """A scan of the sheet with letters, 0 = paper and 255 = ink, in the boxes of these numbers."""
    sheet = _empty().copy()
    scale = sheet.width / letter_sheet.WIDTH
    side = round(_LETTER * scale)
    for i, image in images.items():
        place = letter_sheet.places()[i]
        left = place.left + (letter_sheet.BOX_WIDTH - _LETTER) / 2
        top = place.top + (letter_sheet.BOX_HEIGHT - _LETTER) / 2
        mask = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
        sheet.paste(ink, (round(left * scale), round(top * scale)), mask)
    return np.array(sheet.convert("RGB"))


def photograph(sheet: np.ndarray, turns: int = 0) -> np.ndarray:
    """A photograph of a sheet, uint8 `[h, w, 3]`, turned by quarters of a circle."""
    width, height = _SIZE
    targets = np.array(CORNERS) * _SIZE
    h, w = sheet.shape[:2]
    rows = []
    for (u, v), (x, y) in zip(targets, ((0, 0), (w, 0), (w, h), (0, h)), strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
    to_sheet = np.linalg.solve(np.array(rows), np.array([0, 0, w, 0, w, h, 0, h], float))
    transform = (_SIZE, Image.Transform.PERSPECTIVE, to_sheet.tolist(), Image.Resampling.BICUBIC)
    paper = Image.fromarray(sheet)
    seen = np.asarray(paper.transform(*transform), float)
    inside = np.asarray(Image.new("L", paper.size, 255).transform(*transform))[..., None] / 255
    desk = np.array([120.0, 90, 60]) + 10 * np.sin(np.arange(width) / 9)[:, None]
    light = (
        0.65 + 0.3 * np.linspace(0, 1, height)[:, None, None] * np.linspace(0.4, 1, width)[:, None]
    )
    picture = (inside * seen + (1 - inside) * desk) * light
    picture += np.random.default_rng(0).normal(0, 3, picture.shape)
    return np.rot90(np.clip(picture, 0, 255).astype(np.uint8), turns).copy()

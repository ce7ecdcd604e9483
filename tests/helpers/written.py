"""Writing that tests put on paper: letters drawn by code, and the ink that was found compared to them."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from jaxletters.data.synthetic import sketch
from jaxletters.data.synthetic.strokes import LETTERS


def writing(lines, size, height=60, pen=5, place=(60, 60)):
    """Shares of ink of lines of letters: float32 `[h, w]` in [0, 1].

    Args:
        lines: texts.
        size: (height, width) of the picture.
        height: of a letter, in pixels.
        pen: its width in pixels.
        place: (left, top) of the first letter.
    """
    image = Image.new("L", (2 * size[1], 2 * size[0]))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            if letter != " ":
                corner = np.add(place, (1.2 * height * column, 1.8 * height * row))
                for path in sketch.paths(LETTERS[letter].test[0]):
                    points = [tuple(2 * (corner + height * p)) for p in path]
                    draw.line(points, fill=255, width=2 * pen, joint="curve")
                    for x, y in points:
                        draw.ellipse((x - pen, y - pen, x + pen, y + pen), fill=255)
    return np.asarray(image.resize(size[::-1], Image.Resampling.BOX), np.float32) / 255


def on_paper(shares, paper=(250, 248, 240), ink=(25, 30, 70), noise=3.0, seed=0):
    """A picture of shares of ink: float32 `[h, w, 3]`, not yet clipped to 0 to 255."""
    picture = (1 - shares[..., None]) * np.asarray(paper) + shares[..., None] * np.asarray(ink)
    return picture + np.random.default_rng(seed).normal(0, noise, picture.shape)


def as_picture(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def strokes(ink, threshold=0.4):
    """The number of connected strokes."""
    return ndimage.label(ink > threshold, np.ones((3, 3)))[1]


def agreement(ink, shares):
    """The intersection of two inks by their union."""
    found, wanted = ink > 0.4, shares > 0.5
    return (found & wanted).sum() / (found | wanted).sum()

"""What is not a letter, drawn by code: faces, rules, arrows, scribbles, digits, fragments and more."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from page_glyphs import Pool, glyph
from page_paper import PAPERS, PENS, colour, seen
from PIL import Image, ImageDraw
from scipy import interpolate, ndimage

# Points of a path, (x, y) in a square of side 1 with y downwards.
Stroke = np.ndarray


class NonLetter(NamedTuple):
    """A photograph of something which is not a letter: its kind, and uint8 `[h, w, 3]`."""

    kind: str
    picture: np.ndarray


_DIGITS = {
    "2": "smooth .2,.3 .3,.1 .6,.05 .78,.25 .6,.55 .2,.95; .2,.95 .85,.93",
    "3": "smooth .2,.15 .5,.03 .75,.2 .65,.42 .4,.48; smooth .4,.48 .75,.58 .8,.8 .5,.97 .18,.85",
    "4": ".6,.05 .15,.62 .9,.62; .65,.35 .65,.98",
    "6": "smooth .7,.05 .4,.25 .22,.6 .3,.9 .6,.95 .78,.75 .6,.55 .3,.7",
    "7": ".15,.08 .82,.06 .55,.5 .4,.97",
    "9": "smooth .75,.25 .5,.05 .25,.25 .4,.48 .7,.4 .76,.2; smooth .76,.2 .74,.5 .68,.8 .6,.97",
}
_SIGNS = {
    "hash": ".3,.1 .25,.9; .7,.1 .65,.9; .1,.35 .9,.32; .08,.68 .88,.65",
    "question": "smooth .25,.25 .4,.05 .7,.1 .75,.3 .55,.5 .5,.7; .5,.9 .5,.93",
    "percent": ".85,.05 .15,.95; smooth .2,.1 .33,.2 .2,.32 .08,.2 .2,.1; "
    "smooth .8,.7 .92,.82 .8,.95 .68,.82 .8,.7",
    "house": ".2,.95 .2,.45 .5,.1 .8,.45 .8,.95 .2,.95; .2,.45 .8,.45; .45,.95 .45,.65 .6,.65 .6,.95",
    "star": ".5,.05 .78,.92 .05,.38 .95,.36 .22,.93 .5,.05",
    "heart": "smooth .5,.92 .1,.5 .1,.2 .3,.1 .5,.3; smooth .5,.3 .7,.1 .9,.2 .9,.5 .5,.92",
}

_FACE = {
    "face": "smooth .5,.02 .85,.15 .97,.5 .85,.85 .5,.98 .15,.85 .03,.5 .15,.15 .5,.02; .35,.33 .35,.4; "
    ".65,.33 .65,.4; smooth .3,.65 .4,.76 .6,.76 .7,.65",
}


def draw(pool: Pool, seed: int, count: int) -> list[NonLetter]:
    """Returns photographs of as many things as there are `count`, of all kinds in turn.

    Args:
        pool: the letters from which fragments are cut.
        seed: of everything that is random.
        count: of photographs.
    """
    rng = np.random.default_rng(seed)
    kinds = tuple(_KINDS)
    return [
        NonLetter(kinds[i % len(kinds)], _photograph(_KINDS[kinds[i % len(kinds)]](pool, rng), rng))
        for i in range(count)
    ]


def photograph(pool: Pool, name: str, rng: np.random.Generator) -> np.ndarray:
    """Returns a photograph of a letter of the pool alone: uint8 `[h, w, 3]`."""
    return _photograph(_glyph(pool, name, rng), rng)


def _glyph(pool: Pool, name: str, rng: np.random.Generator) -> np.ndarray:
    image = rng.choice(pool.letters[name])
    scale = rng.uniform(60, 200) / pool.height
    return glyph(image, scale, rng.normal(0, 0.05), rng.normal(0, 0.04), rng.uniform(0.45, 0.6))


def _photograph(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a photograph of ink, float32 `[h, w]` in [0, 1], on paper with margins."""
    margins = [tuple(m) for m in (max(ink.shape) * rng.uniform(0.3, 1, (2, 2))).astype(int)]
    cover = rng.uniform(0.8, 1) * np.pad(ink, margins)[..., None]
    return seen((1 - cover) * colour(PAPERS, rng) + cover * colour(PENS, rng), "plain", rng)


def _strokes(text: str) -> list[Stroke]:
    """Returns the strokes of a drawing: points `x,y`, `;` between strokes, `smooth` before curves."""
    strokes: list[Stroke] = []
    for part in text.split(";"):
        words = part.split()
        smooth = words[0] == "smooth"
        points = np.array([tuple(map(float, w.split(","))) for w in words[smooth:]])
        strokes.append(_curve(points) if smooth else points)
    return strokes


def _curve(points: np.ndarray) -> Stroke:
    """Returns a smooth curve through points."""
    way = np.append(0, np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum())
    spline = interpolate.make_interp_spline(way, points, k=min(3, len(points) - 1))
    return spline(np.linspace(0, way[-1], 60))


def _drawn(strokes: list[Stroke], rng: np.random.Generator) -> np.ndarray:
    """Returns strokes drawn by a shaky pen: float32 `[h, w]` in [0, 1]."""
    side = rng.uniform(80, 260)
    pen = side * rng.uniform(0.03, 0.08)
    turn, stretch = rng.normal(0, 0.08), rng.uniform(0.8, 1.2)
    map_ = side * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    paths = [(s * (stretch, 1) + rng.normal(0, 0.012, s.shape)) @ map_ for s in strokes]
    corner = np.concatenate(paths).min(0) - pen
    size = np.concatenate(paths).max(0) + pen - corner
    image = Image.new("L", tuple(np.ceil(2 * size).astype(int).tolist()))
    canvas = ImageDraw.Draw(image)
    for path in paths:
        points = [tuple(p) for p in (2 * (path - corner)).tolist()]
        canvas.line(points, fill=255, width=round(2 * pen), joint="curve")
        for x, y in points:
            canvas.ellipse((x - pen, y - pen, x + pen, y + pen), fill=255)
    half = image.resize(tuple(np.ceil(size).astype(int).tolist()), Image.Resampling.BOX)
    return np.asarray(half, np.float32) / 255


def _one_of(drawings: dict[str, str]) -> Callable[[Pool, np.random.Generator], np.ndarray]:
    return lambda _, rng: _drawn(_strokes(drawings[str(rng.choice(list(drawings)))]), rng)


def _rules(_: Pool, rng: np.random.Generator) -> np.ndarray:
    """Two to four long rules."""
    count, length = int(rng.integers(2, 5)), rng.uniform(2, 4)
    return _drawn([np.array([(0, 0.3 * i), (length, 0.3 * i)]) for i in range(count)], rng)


def _arrow(_: Pool, rng: np.random.Generator) -> np.ndarray:
    """An arrow to the left or to the right, long enough not to be a letter on its side."""
    tip, end = (0, 0.5), (rng.uniform(1.2, 2.2), 0.5 + rng.normal(0, 0.1))
    head = rng.uniform(0.2, 0.35)
    strokes = [np.array([tip, end]), np.array([(head, 0.5 - head), tip, (head, 0.5 + head)])]
    ink = _drawn(strokes, rng)
    return ink[:, ::-1] if rng.random() < 0.5 else ink


def _scribble(_: Pool, rng: np.random.Generator) -> np.ndarray:
    """A curve through many points at random."""
    return _drawn([_curve(rng.uniform(0, 1, (int(rng.integers(10, 20)), 2)))], rng)


def _spiral(_: Pool, rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi * rng.uniform(2.5, 3.5), 90)
    radius = 0.5 * angle / angle[-1]
    return _drawn([np.stack([0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)], 1)], rng)


def _smudge(_: Pool, rng: np.random.Generator) -> np.ndarray:
    """A blot with a soft edge."""
    side = int(rng.uniform(60, 160))
    cloud = ndimage.gaussian_filter(rng.normal(size=(side, side)), side / 12)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    level = cloud / cloud.std() * 0.25 + 0.7 - np.hypot(x, y)
    return np.clip(level * 6, 0, 1).astype(np.float32)


def _fragment(pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """A corner of a letter, about half its width and height, which is not a single upright stroke."""
    while True:
        ink = _glyph(pool, str(rng.choice([*"ABEGHKMNQRWX"])), rng)
        height, width = (int(n * rng.uniform(0.45, 0.6)) for n in ink.shape)
        y, x = (
            int(rng.choice([0, n - m])) for n, m in zip(ink.shape, (height, width), strict=True)
        )
        part = ink[y : y + height, x : x + width]
        columns = np.flatnonzero((part > 0.5).any(0))
        if len(columns) and np.ptp(columns) > 0.6 * height and part.mean() < 0.6:
            return part


_KINDS: dict[str, Callable[[Pool, np.random.Generator], np.ndarray]] = {
    "digits": _one_of(_DIGITS),
    "faces": _one_of(_FACE),
    "rules": _rules,
    "arrows": _arrow,
    "scribbles": _scribble,
    "fragments": _fragment,
    "signs": _one_of(_SIGNS),
    "spirals": _spiral,
    "smudges": _smudge,
}

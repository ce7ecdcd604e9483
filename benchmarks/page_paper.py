"""Papers, boards, desks and lights: a photograph of letters that lie on a sheet."""

import io
import itertools
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

PENS = ((24, 24, 30), (28, 44, 140), (16, 70, 160), (60, 58, 66), (20, 90, 60), (150, 30, 40))
PAPERS = ((250, 250, 247), (246, 240, 222), (234, 240, 248), (240, 246, 236), (222, 218, 212))
_BOARDS, _CHALKS = ((36, 60, 48), (40, 42, 46)), ((236, 236, 230), (240, 220, 140))
_DESKS = ((120, 84, 56), (84, 62, 48), (60, 64, 70), (164, 132, 98))


class Letter(NamedTuple):
    """A letter on a sheet: its ink, float32 `[h, w]` in [0, 1], and the place of its upper left corner."""

    ink: np.ndarray
    left: int
    top: int


def photograph(
    words: list[list[Letter]], size: float, kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a photograph, uint8 `[h, w, 3]`, and the boxes of its letters, float64 `[n, 4]`.

    Args:
        words: the letters of each.
        size: the usual height of a letter in pixels.
        kind: of the page.
        rng: gives the margins, colours, light and noise.
    """
    letters = [letter for word in words for letter in word]
    boxes = np.array(
        [(x, y, x + ink.shape[1], y + ink.shape[0]) for ink, x, y in letters], np.float64
    )
    margins = np.ceil(size * rng.uniform(0.7, 2, 4) * [1 + 2 * (kind == "margin"), 1, 1, 1])
    shift = margins[:2] - boxes[:, :2].min(0)
    boxes += np.tile(shift, 2)
    width, height = (boxes[:, 2:].max(0) + margins[2:]).astype(int)
    paper = colour(_BOARDS if kind == "chalk" else PAPERS, rng)
    sheet = np.broadcast_to(paper, (height, width, 3)).astype(np.float32)
    sheet = _ruled(sheet, size, kind, rng)
    move = shift.astype(int)
    moved = [[Letter(ink, x + move[0], y + move[1]) for ink, x, y in word] for word in words]
    sheet = _written(sheet, moved, size, kind, rng)
    if kind == "turned":
        sheet, boxes = _turned(sheet, boxes, int(rng.integers(1, 4)))
    if kind == "desk":
        sheet, boxes = _on_desk(sheet, boxes, rng)
    return seen(sheet, kind, rng), boxes


def colour(colours: tuple[tuple[int, int, int], ...], rng: np.random.Generator) -> np.ndarray:
    """Returns one of some colours: float32 `[3]`."""
    return rng.choice(colours).astype(np.float32)


def _ruled(sheet: np.ndarray, size: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Returns a sheet with its rules, its grid or its margin line."""
    height, width = sheet.shape[:2]
    pen = max(round(size * rng.uniform(0.02, 0.045)), 1)
    steps = {"ruled": rng.uniform(1.2, 2), "grid": rng.uniform(0.45, 1)}
    blue, red = (150, 180, 220), (220, 120, 130)
    image = Image.fromarray(sheet.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    if kind in steps:
        step = size * steps[kind]
        for y in np.arange(step * rng.uniform(0.2, 1), height, step):
            draw.line((0, y, width, y), fill=blue, width=pen)
        if kind == "grid":
            for x in np.arange(step * rng.uniform(0.2, 1), width, step):
                draw.line((x, 0, x, height), fill=blue, width=pen)
    if kind == "margin":
        x = size * rng.uniform(0.8, 1.4)
        draw.line((x, 0, x + rng.uniform(-3, 3), height), fill=red, width=pen + 1)
    return np.array(image, np.float32)


def _written(
    sheet: np.ndarray, words: list[list[Letter]], size: float, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Writes on a sheet with one pen, or with a pen for each word, and returns it."""
    pens = _CHALKS if kind == "chalk" else PENS
    pen = colour(pens, rng)
    strength = rng.uniform(0.18, 0.3) if kind == "faint" else rng.uniform(0.8, 1)
    for word in words:
        if kind == "inks":
            pen = colour(pens, rng)
        boxes = np.array([(x, y, x + ink.shape[1], y + ink.shape[0]) for ink, x, y in word])
        # With room for the strokes between the letters.
        left, top = np.maximum(boxes[:, :2].min(0) - round(0.2 * size), 0).tolist()
        right, bottom = (boxes[:, 2:].max(0) + round(0.2 * size)).tolist()
        part = sheet[top:bottom, left:right]
        moved = [Letter(ink, x - left, y - top) for ink, x, y in word]
        ink = _joins(moved, part.shape, size) if kind == "cursive" else np.zeros(part.shape[:2])
        for shape, x, y in moved:
            place = ink[y : y + shape.shape[0], x : x + shape.shape[1]]
            np.maximum(place, shape, out=place)
        if kind == "chalk":
            grain = ndimage.gaussian_filter(rng.normal(size=ink.shape), 1)
            ink *= np.clip(0.85 + grain, 0.3, 1)
        cover = strength * ink[..., None]
        part[:] = (1 - cover) * part + cover * pen
    return sheet


def _joins(word: list[Letter], shape: tuple[int, ...], size: float) -> np.ndarray:
    """Returns the strokes at the baseline from each letter of a word to the next: float32 `[h, w]`."""
    image = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    for before, after in itertools.pairwise(word):
        start, end = _foot(before, -1), _foot(after, 0)
        low = max(start[1], end[1]) + 0.04 * size
        middle = ((start[0] + end[0]) / 2, low)
        draw.line([start, middle, end], fill=255, width=max(round(0.07 * size), 2), joint="curve")
    return ndimage.gaussian_filter(np.asarray(image, np.float32) / 255, 0.7)


def _foot(letter: Letter, side: int) -> tuple[float, float]:
    """Returns the outermost point of a letter's lowest third, at its left (0) or right (-1)."""
    from_row = 2 * len(letter.ink) // 3
    low = letter.ink[from_row:] > 0.5
    columns = np.flatnonzero(low.any(0))
    column = columns[side]
    row = np.flatnonzero(low[:, column])[-1]
    return float(letter.left + column), float(letter.top + from_row + row)


def _turned(sheet: np.ndarray, boxes: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a sheet and its boxes turned by quarters to the left."""
    for _ in range(turns):
        width = sheet.shape[1]
        sheet = np.rot90(sheet)
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, width - right, bottom, width - left], 1)
    return sheet, boxes


def _on_desk(
    sheet: np.ndarray, boxes: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a sheet in perspective on a desk, and the boxes around its boxes."""
    height, width = sheet.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    angle = rng.uniform(-0.15, 0.15)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = corners @ turn + rng.uniform(-0.06, 0.06, (4, 2)) * min(height, width)
    room = rng.uniform(0.08, 0.25, (2, 2)) * max(height, width)
    seen += room[0] - seen.min(0)
    size = np.ceil(seen.max(0) + room[1]).astype(int)
    to_sheet = _homography(seen, corners)
    to_picture = np.linalg.inv(to_sheet)
    warped = Image.fromarray(sheet.astype(np.uint8)).transform(
        tuple(size.tolist()),
        Image.Transform.PERSPECTIVE,
        tuple((to_sheet / to_sheet[2, 2]).ravel()[:8]),
        Image.Resampling.BICUBIC,
    )
    mask = Image.new("L", tuple(size.tolist()))
    ImageDraw.Draw(mask).polygon([tuple(p) for p in seen.tolist()], fill=255)
    on_sheet = ndimage.gaussian_filter(np.asarray(mask, np.float32) / 255, 1)[..., None]
    grain = ndimage.gaussian_filter(rng.standard_normal(size[::-1], np.float32), (2, 40)) * 50
    shade = 1 - 0.5 * ndimage.gaussian_filter(on_sheet, (8, 8, 0))
    desk = (colour(_DESKS, rng) + grain[..., None]) * shade
    picture = on_sheet * np.asarray(warped, np.float32) + (1 - on_sheet) * desk
    around = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
    points = np.concatenate([around, np.ones((len(around), 1))], 1) @ to_picture.T
    points = (points[:, :2] / points[:, 2:]).reshape(-1, 4, 2)
    return picture, np.concatenate([points.min(1), points.max(1)], 1)


def _homography(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the float64 `[3, 3]` which brings four points to four others."""
    rows: list[np.ndarray] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [
            np.array([x, y, 1, 0, 0, 0, -u * x, -u * y]),
            np.array([0, 0, 0, x, y, 1, -v * x, -v * y]),
        ]
    return np.append(np.linalg.solve(np.stack(rows), target.ravel()), 1).reshape(3, 3)


def seen(sheet: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Returns what a camera sees of a sheet: light, shadow, blur, noise and JPEG."""
    height, width = sheet.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    down, right = rng.uniform(-0.08, 0.08, 2)
    light = 0.92 + down * y + right * x
    if kind == "shadow":
        angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        soft = rng.uniform(0.03, 0.3)
        depth = 1 / (1 + np.exp((np.cos(angle) * x + np.sin(angle) * y - edge) / soft))
        light *= 1 - rng.uniform(0.3, 0.55) * depth
    blurred = ndimage.gaussian_filter(sheet, (*rng.uniform(0.3, 1, 1).repeat(2), 0)) * light[
        ..., None
    ].astype(np.float32)
    blurred += rng.uniform(1, 5) * rng.standard_normal((height, width, 1), np.float32)
    file = io.BytesIO()
    image = Image.fromarray(np.clip(blurred, 0, 255).astype(np.uint8))
    image.save(file, "JPEG", quality=int(rng.integers(70, 95)))
    return np.asarray(Image.open(file))

"""Drawings that are not letters, as segments of pen strokes: faces, arrows, rules, signs, digits."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The most segments of a drawing, and the most strokes, each of which moves on its own.
SEGMENTS, STROKES = 40, 8

_Points = NDArray[np.float64]


class Drawings(NamedTuple):
    """The drawings, each filled up to `SEGMENTS` with copies of its first segment.

    Attributes:
        ends: the ends of each segment, x to the right and y down: float32 `[n, SEGMENTS, 2, 2]`.
        strokes: one-hot number of each segment's stroke: float32 `[n, SEGMENTS, STROKES]`.
        divisible: bool `[n]`, whether the left and the right part are not letters either.
    """

    ends: NDArray[np.float32]
    strokes: NDArray[np.float32]
    divisible: NDArray[np.bool_]


@functools.cache
def drawings(digits: bool) -> Drawings:
    """Returns all drawings, with or without digits; shapes that vary most occur several times."""
    numerals = _digits() if digits else []
    divisible = [*_faces(), *_spirals()]
    all_strokes = [*divisible, *_arrows(), *_rules(), *numerals, *_signs(), *_things()]
    ends = np.zeros((len(all_strokes), SEGMENTS, 2, 2), np.float32)
    numbers = np.zeros((len(all_strokes), SEGMENTS), np.int64)
    for i, drawing in enumerate(all_strokes):
        segments = [np.stack([stroke[:-1], stroke[1:]], axis=1) for stroke in drawing]
        count = sum(map(len, segments))
        ends[i] = segments[0][0]
        ends[i, :count] = np.concatenate(segments)
        numbers[i, :count] = np.repeat(np.arange(len(drawing)), list(map(len, segments)))
    strokes = np.eye(STROKES, dtype=np.float32)[numbers]
    return Drawings(ends, strokes, np.arange(len(ends)) < len(divisible))


def _line(*numbers: float) -> _Points:
    """Returns a polyline from its coordinates x, y, x, y ...: `[points, 2]`."""
    return np.array(numbers, float).reshape(-1, 2)


def _dot(x: float, y: float) -> _Points:
    return _line(x, y, x, y)


def _arc(
    x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360, parts: int = 12
) -> _Points:
    """Returns an arc of an ellipse; angles in degrees, 0 to the right and 90 down."""
    angles = np.deg2rad(np.linspace(start, end, parts + 1))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def _join(*lines: _Points) -> _Points:
    return np.concatenate(lines)


def _faces() -> list[list[_Points]]:
    head = _arc(0, 0, 1, 1, 100, 460, 16)
    smile, frown = _arc(0, 0.15, 0.5, 0.4, 20, 160, 6), _arc(0, 0.75, 0.5, 0.4, 200, 340, 6)
    straight, mouth = _line(-0.4, 0.45, 0.4, 0.45), _arc(0, 0.45, 0.25, 0.2, parts=8)
    eyes = [_dot(-0.35, -0.3), _dot(0.35, -0.3)]
    round_eyes = [_arc(-0.35, -0.3, 0.12, 0.12, parts=5), _arc(0.35, -0.3, 0.12, 0.12, parts=5)]
    lines = [_line(-0.35, -0.45, -0.35, -0.15), _line(0.35, -0.45, 0.35, -0.15)]
    nose = _line(0, -0.1, 0, 0.15)
    faces = [
        [head, *pair, lips] for pair in (eyes, lines) for lips in (smile, frown, straight, mouth)
    ]
    faces += [[head, *eyes, smile, nose], [head, *lines, straight, nose]]
    faces += [[head, *round_eyes, smile], [head, *round_eyes, straight], [head, *eyes]]
    ears = [_line(-0.9, -0.5, -0.8, -1.2, -0.4, -0.9), _line(0.9, -0.5, 0.8, -1.2, 0.4, -0.9)]
    return [*faces, [head, *ears, *eyes, smile]]


def _spirals() -> list[list[_Points]]:
    spirals: list[list[_Points]] = []
    for turns in (1.8, 2.4, 3.0, 3.6):
        angles = 2 * np.pi * turns * np.sqrt(np.linspace(0.02, 1, SEGMENTS + 1))
        for direction in (1, -1):
            around = np.stack([np.cos(angles), direction * np.sin(angles)], axis=1)
            spirals.append([angles[:, None] / angles[-1] * around])
    rings = [_arc(0, 0, r, r, parts=SEGMENTS // 3) for r in (0.35, 0.68, 1)]
    return [*spirals, rings, rings[1:]]


def _arrows() -> list[list[_Points]]:
    right = [_line(-1, 0, 1, 0), _line(0.5, -0.45, 1, 0, 0.5, 0.45)]
    long = [_line(-1, 0, 1, 0), _line(0.7, -0.25, 1, 0, 0.7, 0.25)]
    both = [*right, _line(-0.5, -0.45, -1, 0, -0.5, 0.45)]
    double = [
        _line(-1, -0.2, 0.7, -0.2),
        _line(-1, 0.2, 0.7, 0.2),
        _line(0.4, -0.6, 1, 0, 0.4, 0.6),
    ]
    turns = [np.array([[c, s], [-s, c]], float) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    slanted = np.array([[0.7, 0.7], [-0.7, 0.7]])
    arrows = [[line @ turn for line in arrow] for arrow in (right, long) for turn in turns]
    arrows += [[line @ turn @ slanted for line in right] for turn in turns]
    arrows += [[line @ turn for line in both] for turn in turns[:2]]
    return [*arrows, double, [_arc(0, 0.4, 0.9, 0.8, 180, 350), _line(0.5, 0, 0.9, 0.4, 1.3, 0)]]


def _rules() -> list[list[_Points]]:
    def across(count: int) -> list[_Points]:
        return [_line(-1, y, 1, y) for y in np.linspace(-0.6, 0.6, count)]

    def down(count: int) -> list[_Points]:
        return [_line(x, -1, x, 1) for x in np.linspace(-0.6, 0.6, count)]

    box = _line(-1, -1, 1, -1, 1, 1, -1, 1, -1, -1)
    grids = [[*across(rows), *down(columns)] for rows in (2, 3) for columns in (2, 3)]
    boxes = [
        [box, *cross] for cross in ([_line(-1, 0, 1, 0), _line(0, -1, 0, 1)], across(2), down(2))
    ]
    crossed = [box, _line(-1, -1, 1, 1), _line(1, -1, -1, 1)]
    return [[_line(-1, 0, 1, 0)], across(2), across(3), down(3), down(4), *grids, *boxes, crossed]


def _digits() -> list[list[_Points]]:
    two = _join(_arc(0, -0.5, 0.6, 0.5, 190, 380), _line(-0.6, 1, 0.65, 1))
    curly_two = _join(
        _arc(0, -0.5, 0.6, 0.5, 190, 390),
        _arc(-0.35, 0.75, 0.25, 0.2, 300, 60, 8),
        _line(0.7, 1, 0.8, 0.8),
    )
    three = _join(_arc(-0.05, -0.5, 0.55, 0.5, 200, 440), _arc(-0.05, 0.5, 0.65, 0.5, 280, 520))
    flat_three = _join(_line(-0.6, -1, 0.5, -1, -0.1, -0.2), _arc(-0.1, 0.4, 0.7, 0.6, 270, 510))
    four = [_line(-0.1, -1, -0.7, 0.2, 0.7, 0.2), _line(0.4, -0.5, 0.3, 1)]
    closed_four = [_line(0.3, 1, 0.3, -1, -0.7, 0.35, 0.8, 0.35)]
    six = _join(_line(0.3, -1, -0.35, -0.1), _arc(0, 0.5, 0.5, 0.5, 200, 560))
    seven = _line(-0.6, -1, 0.6, -1, -0.1, 1)
    nine = _join(_arc(0, -0.5, 0.5, 0.5, 360, 0), _line(0.5, -0.5, 0.35, 1))
    return [
        *([two], [curly_two], [three], [flat_three], [three], four, closed_four, four, [six]),
        *([seven], [seven, _line(-0.3, 0, 0.5, 0)], [nine]),
    ]


def _signs() -> list[list[_Points]]:
    hash_sign = [_line(-0.3, -1, -0.5, 1), _line(0.5, -1, 0.3, 1), _line(-1, -0.35, 1, -0.35)]
    hash_sign.append(_line(-1, 0.35, 1, 0.35))
    query = _join(_arc(0, -0.5, 0.5, 0.45, 190, 420), _line(0, 0.2, 0, 0.45))
    ampersand = _join(
        _line(0.8, 1, -0.35, -0.4),
        _arc(0, -0.65, 0.4, 0.35, 160, 380, 9),
        _arc(-0.2, 0.5, 0.5, 0.5, 280, 60),
    )
    at_sign = [
        _arc(0, 0, 0.35, 0.4, parts=8),
        _join(_line(0.4, -0.35, 0.45, 0.35), _arc(0, 0, 1, 1, 20, -300, 16)),
    ]
    percent = [
        _arc(-0.5, -0.6, 0.3, 0.3, parts=8),
        _arc(0.5, 0.6, 0.3, 0.3, parts=8),
        _line(0.6, -1, -0.6, 1),
    ]
    star = [_line(0, -1, 0, 1), _line(-0.85, -0.5, 0.85, 0.5), _line(-0.85, 0.5, 0.85, -0.5)]
    brace = _join(
        _arc(0.4, -0.5, 0.4, 0.4, 270, 180, 4),
        _line(0, -0.1, -0.3, 0, 0, 0.1),
        _arc(0.4, 0.5, 0.4, 0.4, 180, 90, 4),
    )
    wave = np.stack([np.linspace(-1, 1, 13), 0.3 * np.sin(np.linspace(0, 2 * np.pi, 13))], axis=1)
    divided = [_line(-1, 0, 1, 0), _dot(0, -0.6), _dot(0, 0.6)]
    return [
        *(
            hash_sign,
            hash_sign,
            [query, _dot(0, 1)],
            [query, _dot(0, 1)],
            [_line(0, -1, 0, 0.4), _dot(0, 1)],
        ),
        *([ampersand], [ampersand], at_sign, percent, star, [brace], [wave], divided),
        *([_line(-1, 0, 1, 0), _line(0, -1, 0, 1)], [_line(-0.5, -1, 0.5, 0, -0.5, 1)]),
        *([_dot(0, -0.7), _dot(0, 0.7)], [_dot(-1, 0), _dot(0, 0), _dot(1, 0)]),
        [_dot(-0.8, 0.6), _dot(0.8, 0.6), _dot(0, -0.6)],
    ]


def _things() -> list[list[_Points]]:
    rays = [
        _line(0.75 * np.cos(a), 0.75 * np.sin(a), 1.1 * np.cos(a), 1.1 * np.sin(a))
        for a in np.arange(7) * 0.9
    ]
    sun = [_arc(0, 0, 0.5, 0.5), *rays]
    house = [
        _line(-0.8, 1, -0.8, -0.1, 0, -1, 0.8, -0.1, 0.8, 1, -0.8, 1),
        _line(-0.8, -0.1, 0.8, -0.1),
    ]
    door = _line(-0.2, 1, -0.2, 0.4, 0.2, 0.4, 0.2, 1)
    figure = [
        _arc(0, -0.7, 0.28, 0.28, parts=9),
        _line(0, -0.4, 0, 0.35),
        _line(-0.5, -0.1, 0.5, -0.1),
    ]
    figure.append(_line(-0.4, 1, 0, 0.35, 0.4, 1))
    heart = _join(
        _arc(-0.45, -0.4, 0.45, 0.45, 150, 350, 8),
        _arc(0.45, -0.4, 0.45, 0.45, 190, 390, 8),
        _line(0, 1, -0.85, -0.2),
    )
    angles = np.deg2rad(np.arange(6) * 144 - 90)
    pentagram = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    petals = [
        _arc(0.6 * np.cos(a), 0.6 * np.sin(a), 0.35, 0.35, parts=7) for a in np.arange(5) * 1.2566
    ]
    cloud = _join(
        *(_arc(x, 0, 0.4, 0.5, 180, 360, 5) for x in (-0.8, 0, 0.8)),
        _line(1.2, 0, 1.2, 0.4, -1.2, 0.4, -1.2, 0),
    )
    fish = _join(_line(1, -0.5, 1, 0.5), _arc(0, 0, 0.8, 0.5, 30, 330))
    return [
        *(
            sun,
            [*house],
            [*house, door],
            figure,
            figure,
            [heart],
            [heart],
            [pentagram],
            petals,
            [cloud],
        ),
        *([fish, _dot(-0.4, -0.1)], [_line(-1, 0.8, 1, 0.8, 0, -0.9, -1, 0.8)]),
        [_line(0, 1, 0, 0.2), _line(-0.8, 0.2, 0, -1, 0.8, 0.2, -0.8, 0.2)],
    ]

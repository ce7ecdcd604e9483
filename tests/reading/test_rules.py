"""Printed lines are removed from ink, strokes of letters are not."""

import numpy as np
import pytest
from helpers.written import agreement, as_picture, on_paper, strokes, writing

from jaxletters.reading.ink import find_ink

SIZE = 400, 700
SHARES = writing(["HELLO IT", "FILL TEE"], SIZE, pen=6)
INK, BLUE = (25, 30, 70), (150, 175, 215)


def ruled(shares, lines, colour=BLUE, noise=3.0, ink=INK):
    """Writing on paper with lines, each (x or y, its place, its thickness, its slope)."""
    height, width = shares.shape
    y, x = np.mgrid[:height, :width]
    printed = np.zeros(shares.shape)
    for axis, place, thickness, slope in lines:
        across, along = (y, x - width / 2) if axis == "y" else (x, y - height / 2)
        printed = np.maximum(
            printed, np.clip(thickness / 2 + 0.5 - abs(across - place - slope * along), 0, 1)
        )
    paper = (1 - printed[..., None]) * np.array([250, 248, 240]) + printed[..., None] * np.array(
        colour
    )
    return as_picture(on_paper(shares, paper, ink, noise))


def rules(spacing, thickness=2, slope=0.0, axis="y"):
    size = SIDE_OF[axis]
    return [(axis, place, thickness, slope) for place in np.arange(20, size, spacing)]


SIDE_OF = {"y": SIZE[0], "x": SIZE[1]}


@pytest.mark.parametrize("colour", [BLUE, INK, (200, 120, 120), (225, 228, 235)])
@pytest.mark.parametrize("slope", [0, 0.03, -0.06])
def test_rules_are_removed_and_letters_stay(colour, slope):
    found = find_ink(ruled(SHARES, rules(47, slope=slope), colour))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    assert agreement(found.ink, SHARES) > 0.75
    assert found.unread == []


@pytest.mark.parametrize("colour", [BLUE, (120, 140, 190)])
def test_a_grid_is_removed(colour):
    found = find_ink(ruled(SHARES, rules(40) + rules(40, axis="x"), colour))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    assert agreement(found.ink, SHARES) > 0.75
    assert found.unread == []


@pytest.mark.parametrize("line", [("x", 30, 2, 0.0), ("x", 30, 3, 0.01), ("y", 370, 3, 0.0)])
def test_a_margin_line_is_removed_and_reported(line):
    found = find_ink(ruled(SHARES, [line], (200, 60, 70)))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    ((left, top, right, bottom), _) = found.unread[0]
    assert len(found.unread) == 1
    if line[0] == "x":
        assert left < 30 < right < left + 15
        assert (top, bottom) == pytest.approx((0, SIZE[0]), abs=8)
    else:
        assert top < 370 < bottom < top + 15
        assert (left, right) == pytest.approx((0, SIZE[1]), abs=14)


@pytest.mark.parametrize("word", ["HILL", "TEE", "ill", "LITTLE"])
@pytest.mark.parametrize("pen", [2, 4, 8])
def test_strokes_of_letters_are_no_rules(word, pen):
    shares = writing([word], (180, 600), height=90, pen=pen, place=(30, 40))
    found = find_ink(as_picture(on_paper(shares, noise=2)))
    assert strokes(found.ink) == strokes(shares, 0.5)
    assert found.unread == []


@pytest.mark.parametrize("letter", list("EFHILTZ"))
@pytest.mark.parametrize("pen", [2, 5, 12])
def test_a_large_letter_alone_keeps_its_strokes(letter, pen):
    shares = writing([letter], (220, 200), height=170, pen=pen, place=(20, 20))
    found = find_ink(as_picture(on_paper(shares, noise=2)))
    assert agreement(found.ink, shares) > 0.7
    assert found.unread == []


def test_an_underlined_word_on_a_page_keeps_its_line():
    shares = SHARES.copy()
    shares[132:136, 60:380] = 1
    found = find_ink(as_picture(on_paper(shares)))
    assert agreement(found.ink, shares) > 0.85


def test_a_dot_grid_is_removed():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    dots = ((y % 20 < 2) & (x % 20 < 2))[..., None]
    picture = np.where(dots, np.minimum(on_paper(SHARES), 140), on_paper(SHARES))
    found = find_ink(as_picture(picture))
    assert strokes(found.ink) == strokes(SHARES, 0.5)

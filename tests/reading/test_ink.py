"""Ink is found on paper of any colour, in any light, and what is left out is reported."""

import numpy as np
import pytest
from helpers.written import agreement, as_picture, on_paper, strokes, writing

from jaxletters.reading.ink import find_ink

SHARES = writing(["HELLO", "WORK"], (400, 500))
BOARD, CHALK = (36, 60, 48), (236, 236, 230)


def is_writing(found, shares):
    return (
        found.ink.shape == shares.shape
        and strokes(found.ink) == strokes(shares, 0.5)
        and agreement(found.ink, shares) > 0.7
    )


@pytest.mark.parametrize(
    "colours",
    [
        ((250, 248, 240), (25, 30, 70)),
        ((244, 236, 214), (170, 30, 40)),
        ((250, 250, 250), (180, 180, 185)),
        (BOARD, CHALK),
    ],
)
def test_ink_of_any_colour_is_found_as_it_was_written(colours):
    found = find_ink(as_picture(on_paper(SHARES, *colours)))
    assert is_writing(found, SHARES)
    assert found.unread == []
    np.testing.assert_array_equal(found.homography, np.eye(3))
    assert found.ink.dtype == np.float32
    assert (found.ink.min(), found.ink.max()) == (0, 1)


@pytest.mark.parametrize("height", [80, 120])
@pytest.mark.parametrize("ink", [(25, 30, 70), (120, 120, 130)])
def test_a_strip_of_one_line_keeps_its_ink(height, ink):
    shares = writing(["HELLO WORK"], (height, 1000))
    found = find_ink(as_picture(on_paper(shares, (250, 248, 240), ink)))
    assert agreement(found.ink, shares) > 0.7


def test_two_colours_of_ink_are_found():
    black, red = SHARES.copy(), SHARES.copy()
    black[200:], red[:200] = 0, 0
    picture = on_paper(black)
    picture = (1 - red[..., None]) * picture + red[..., None] * (190, 60, 70)
    assert is_writing(find_ink(as_picture(picture)), SHARES)


@pytest.mark.parametrize("softness", [2, 30])
@pytest.mark.parametrize("colours", [((250, 248, 240), (25, 30, 70)), (BOARD, CHALK)])
def test_a_shadow_is_no_ink_and_hides_none(softness, colours):
    y, x = np.mgrid[:400, :500]
    shade = 1 / (1 + np.exp((x + 0.6 * y - 320) / softness))
    picture = on_paper(SHARES, *colours, noise=2) * (1 - 0.45 * shade[..., None])
    assert is_writing(find_ink(as_picture(picture)), SHARES)


def disc(size, centre, radius):
    y, x = np.mgrid[: size[0], : size[1]]
    return np.clip(radius - np.hypot(y - centre[0], x - centre[1]) + 0.5, 0, 1)


def square(size, left, top, side):
    shares = np.zeros(size)
    shares[top : top + side, left : left + side] = 1
    return shares


@pytest.mark.parametrize(
    "colours",
    [
        ((250, 248, 240), (25, 30, 70)),
        ((250, 248, 240), (120, 120, 130)),
        ((250, 248, 240), (160, 160, 165)),
        (BOARD, CHALK),
    ],
)
@pytest.mark.parametrize(
    "shares",
    [
        disc((400, 500), (200, 275), 80),
        square((400, 500), 150, 150, 90),
        writing(["W"], (400, 500), height=200, pen=60, place=(60, 60)),
    ],
    ids=["disc", "square", "W"],
)
def test_filled_shapes_and_very_thick_strokes_are_ink_all_over(colours, shares):
    found = find_ink(as_picture(on_paper(shares, *colours, noise=2)))
    assert agreement(found.ink, shares) > 0.9


@pytest.mark.parametrize("colours", [((250, 248, 240), (25, 30, 70)), (BOARD, CHALK)])
def test_strokes_wider_than_the_paper_between_them_are_ink(colours):
    shares = writing(["O"], (400, 500), height=280, pen=95, place=(50, 40))
    found = find_ink(as_picture(on_paper(shares, *colours, noise=2)))
    assert agreement(found.ink, shares) > 0.9


@pytest.mark.parametrize("softness", [3, 20])
@pytest.mark.parametrize("colours", [((250, 248, 240), (25, 30, 70)), (BOARD, CHALK)])
def test_a_shadow_amid_the_paper_is_no_ink(softness, colours):
    y, x = np.mgrid[:400, :500]
    shade = 1 / (1 + np.exp((np.hypot(y - 230, x - 260) - 110) / softness))
    picture = on_paper(SHARES, *colours, noise=2) * (1 - 0.45 * shade[..., None])
    assert is_writing(find_ink(as_picture(picture)), SHARES)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is_written(seed):
    rng = np.random.default_rng(seed)
    light = np.linspace(140, 250, 400)[:, None, None] * np.ones((1, 300, 3))
    empty = find_ink(as_picture(light + rng.normal(0, 6, light.shape)))
    assert not empty.ink.any()
    assert empty.unread == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2000), (2000, 1), (40, 50)])
@pytest.mark.parametrize("grey", [0, 9, 200, 255])
def test_pictures_of_any_shape_are_looked_at(shape, grey):
    found = find_ink(np.full((*shape, 3), grey, np.uint8))
    assert not found.ink.any()
    assert found.unread == []


def test_specks_are_no_ink_and_dots_are():
    shares = writing(["jim"], (200, 400), pen=6)
    rng = np.random.default_rng(0)
    specks = (rng.random(shares.shape) < 0.004) & (shares == 0)
    picture = on_paper(shares, noise=2)
    picture[specks] = 90
    assert strokes(find_ink(as_picture(picture)).ink) == strokes(shares, 0.5)


@pytest.mark.parametrize("side", range(4))
def test_the_dark_edge_of_a_scan_is_left_out_and_reported(side):
    picture = on_paper(SHARES)
    edge = np.rot90(picture, side)
    edge[:, :14] = 30
    found = find_ink(as_picture(picture))
    assert strokes(found.ink) == strokes(SHARES, 0.5)
    if found.unread:
        ((left, top, right, bottom), _) = found.unread[0]
        assert (right - left <= 24) or (bottom - top <= 24)


@pytest.mark.parametrize("letter", ["E", "L", "H", "I", "T"])
def test_a_picture_cut_to_one_letter_keeps_its_strokes(letter):
    shares = writing([letter], (300, 300), height=200, pen=14)
    rows, columns = (np.flatnonzero((shares > 0.5).any(axis)) for axis in (1, 0))
    shares = shares[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    found = find_ink(as_picture(on_paper(shares)))
    assert agreement(found.ink, shares) > 0.8
    assert found.unread == []


@pytest.mark.slow
def test_a_large_letter_is_reduced_and_small_ones_less():
    large = as_picture(on_paper(writing(["A"], (2000, 1500), height=1200, pen=60)))
    small = as_picture(
        on_paper(writing(["HELLO WORK"] * 3, (2000, 1500), height=60, place=(100, 100)))
    )
    assert find_ink(large).ink.shape == (1000, 750)
    found = find_ink(small)
    assert found.ink.shape == (2000, 1500)
    np.testing.assert_array_equal(found.homography, np.eye(3))


def test_a_stroke_goes_through_a_pale_break_and_a_rest_of_a_rule_joins_no_letters():
    shares = np.zeros((300, 400), np.float32)
    shares[40:260, 60:72] = shares[40:260, 300:312] = 1
    broken = shares.copy()
    broken[120:145, 60:72] = 0.3
    assert strokes(find_ink(as_picture(on_paper(broken))).ink) == strokes(shares, 0.5) == 2
    near = np.zeros((300, 400), np.float32)
    near[40:260, 60:72] = near[40:260, 110:122] = 1
    near[150:153, 72:110] = 0.3
    assert strokes(find_ink(as_picture(on_paper(near))).ink) == 2

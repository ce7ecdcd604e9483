"""Strokes become lines, and dots find their letters."""

import numpy as np
import pytest

from jaxletters.reading import lines
from jaxletters.reading.strokes import Stroke


def strokes_of(*boxes):
    return [Stroke(number + 1, box) for number, box in enumerate(boxes)]


def row(top, count, height=50, left=20, step=45, rise=0.0, bend=0.0):
    """Boxes of letters in a row, which may rise and bend."""
    found = []
    for i in range(count):
        y = round(top - rise * i * step + bend * np.sin(i / 2))
        # Of two heights, on one base, as small and capital letters are.
        low = height if i % 3 == 0 else round(height * 0.65)
        found.append((left + step * i, y + height - low, left + step * i + 34, y + height))
    return found


def numbers(layout):
    return [[blob.labels for blob in line.blobs] for line in layout.lines]


@pytest.mark.parametrize("rise", [-0.15, 0.0, 0.12])
@pytest.mark.parametrize("bend", [0.0, 8.0])
def test_lines_may_rise_fall_and_bend(rise, bend):
    boxes = row(200, 12, rise=rise, bend=bend) + row(290, 9, rise=rise, bend=bend)
    layout = lines.find_lines(strokes_of(*boxes))
    assert numbers(layout) == [
        [(i,) for i in range(1, 13)],
        [(i,) for i in range(13, 22)],
    ]
    assert lines.slope(layout.lines) == pytest.approx(-rise, abs=0.05)


def test_a_line_of_small_letters_is_a_line():
    boxes = row(20, 6, height=90, step=100) + row(180, 8, height=40)
    assert [len(line.blobs) for line in lines.find_lines(strokes_of(*boxes)).lines] == [6, 8]


def test_a_small_letter_in_a_line_of_capitals_is_a_letter():
    boxes = [(0, 0, 70, 100), (90, 0, 160, 100), (180, 56, 220, 100), (240, 0, 300, 100)]
    assert numbers(lines.find_lines(strokes_of(*boxes))) == [[(1,), (2,), (3,), (4,)]]


def test_a_dot_belongs_to_the_letter_below_it_and_a_full_stop_to_none():
    letters = [(0, 0, 40, 60), (60, 20, 70, 60), (90, 0, 130, 60)]
    dot, stop = (61, 2, 71, 11), (140, 52, 149, 61)
    layout = lines.find_lines(strokes_of(*letters, dot, stop))
    assert numbers(layout) == [[(1,), (2, 4), (3,)]]
    assert [stroke.box for stroke in layout.loose] == [stop]


def test_a_bar_that_touches_no_letter_is_part_of_the_one_it_crosses():
    layout = lines.find_lines(strokes_of((0, 0, 30, 50), (62, 0, 70, 50), (52, 14, 84, 20)))
    assert numbers(layout)[0][0] == (1,)
    assert sorted(label for blob in layout.lines[0].blobs for label in blob.labels) == [1, 2, 3]


def test_nothing_makes_no_lines():
    assert lines.find_lines([]) == ([], [])


def test_a_letter_that_is_small_beside_a_tall_one_is_no_dot():
    boxes = [(0, 0, 60, 120), (100, 76, 134, 120), (180, 72, 214, 120)]
    assert numbers(lines.find_lines(strokes_of(*boxes))) == [[(1,), (2,), (3,)]]


def test_a_bar_above_its_letter_is_part_of_it():
    stems, bars = [(20, 30, 50, 100), (120, 0, 170, 100)], [(10, 6, 70, 18)]
    assert numbers(lines.find_lines(strokes_of(*stems, *bars))) == [[(1, 3), (2,)]]


def test_a_line_below_a_word_is_no_part_of_its_letters():
    letters = [(20, 0, 70, 80), (90, 0, 140, 80), (160, 0, 210, 80), (230, 0, 280, 80)]
    assert numbers(lines.find_lines(strokes_of(*letters, (10, 92, 300, 98))))[0] == [
        (1,), (2,), (3,), (4,)
    ]  # fmt: skip


def test_a_thick_dot_beside_the_top_of_its_stem_is_a_dot():
    boxes = [(0, 0, 40, 60), (60, 24, 72, 60), (120, 0, 160, 60), (75, 0, 91, 17)]
    layout = lines.find_lines(strokes_of(*boxes))
    assert len(layout.lines) == 1
    assert (2, 4) in [blob.labels for blob in layout.lines[0].blobs]

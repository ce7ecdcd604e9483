"""Strokes of ink: what is connected, and what is inside of a stroke."""

import numpy as np

from jaxletters.reading.strokes import find_strokes, usual_height


def ring(ink, centre, radius, width=4):
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    distance = np.hypot(y - centre[0], x - centre[1])
    ink[np.abs(distance - radius) <= width / 2] = 1


def test_what_is_inside_of_a_ring_belongs_to_it():
    ink = np.zeros((120, 200), np.float32)
    ring(ink, (60, 60), 45)
    ink[45:52, 42:48] = ink[45:52, 72:78] = ink[80:84, 45:75] = 1  # a face
    ink[20:100, 150:156] = 1  # a letter beside it
    labels, strokes = find_strokes(ink)
    assert [stroke.box for stroke in strokes] == [(13, 13, 108, 108), (150, 20, 156, 100)]
    assert labels[47, 44] == labels[60, 15] == strokes[0].label


def test_letters_in_a_frame_and_beside_a_foot_stay_alone():
    framed = np.zeros((120, 300), np.float32)
    framed[5:115, 5:295] = 1
    framed[9:111, 9:291] = 0
    for left in (40, 120, 200):
        framed[30:90, left : left + 8] = 1
    assert len(find_strokes(framed)[1]) == 4
    foot = np.zeros((120, 120), np.float32)
    foot[10:110, 10:18] = foot[102:110, 10:100] = 1  # an L, and a small letter above its foot
    foot[70:95, 40:46] = 1
    assert len(find_strokes(foot)[1]) == 2


def test_breaks_are_joined_and_dots_count_little_for_the_height():
    ink = np.zeros((140, 200), np.float32)
    for left in (20, 80, 140):
        ink[20:120, left : left + 8] = 1
    ink[60:62, 20:28] = 0  # a break of two pixels
    ink[10:14, 100:104] = 1
    strokes = find_strokes(ink)[1]
    assert len(strokes) == 4
    assert usual_height(strokes) == 100
    assert usual_height([]) == 0

"""Characters are found in pictures, whatever the paper, the pen and the light, and become like EMNIST's."""

import dataclasses
import functools

import numpy as np
import photographs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from jaxletters.data.synthetic import sketch
from jaxletters.reading import recognition
from jaxletters.reading.classifier import Classifier

SKETCHES, LABELS = sketch.draw(104, "test", 0)
# One part each, whoever writes them.
WHOLE = [
    i for i in range(len(SKETCHES)) if ndimage.label(SKETCHES[i] > 90, np.ones((3, 3)))[1] == 1
]
# A network for which everything is an A, so that what is found depends on the ink alone.
ALL_A = Classifier("A", ("A", "B"), (28, 28), lambda images: np.float32([[9, 0]] * len(images)))

ON_MNIST = dataclasses.replace(ALL_A, fit="mnist")


def find(picture):
    return recognition.find(ALL_A, picture, "a picture").characters


def enlarged(image, times):
    """A letter of 28x28 pixels as one of many, its edges smooth: float in [0, 1]."""
    return np.clip(ndimage.zoom(image / 255, times, order=1, grid_mode=True, mode="nearest"), 0, 1)


def placed(parts, size, paper=(255, 255, 255), ink=(0, 0, 0)):
    """A picture of letters, each (left, top, ink in [0, 1]): uint8 `[h, w, 3]`."""
    written = np.zeros(size)
    for left, top, part in parts:
        height, width = part.shape
        inside = written[top : top + height, left : left + width]
        np.maximum(inside, part, out=inside)
    shares = written[..., None]
    return np.uint8((1 - shares) * paper + shares * np.array(ink))


@functools.cache
def alone(index):
    """What becomes of a letter that is alone on white paper."""
    (letter,) = find(placed([(50, 60, enlarged(SKETCHES[index], 8))], (340, 330)))
    return letter.image.astype(float)


@pytest.mark.slow
def test_a_letter_looks_as_it_did():
    for index in WHOLE[:20]:
        assert np.corrcoef(alone(index).ravel(), SKETCHES[index].ravel())[0, 1] > 0.6
        ink = np.argwhere(alone(index) > 30)
        # In the middle, its longer side as EMNIST has it.
        assert 20 < np.ptp(ink, axis=0).max() < 25
        np.testing.assert_allclose(ink.min(0) + ink.max(0), 27, atol=1)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.integers(4, 12),
    st.tuples(*[st.integers(0, 300)] * 2),
    st.sampled_from(
        [
            ((255, 255, 255), (0, 0, 0)),
            ((20, 40, 30), (230, 230, 220)),
            ((240, 230, 200), (160, 30, 40)),
        ]
    ),
)
def test_a_letter_comes_back_from_any_place_and_paper(index, times, place, colours):
    part = enlarged(SKETCHES[index], times)
    left, top = (10 + p for p in place)
    picture = placed([(left, top, part)], (top + len(part) + 60, left + len(part) + 90), *colours)
    (letter,) = find(picture)
    rows, columns = (np.flatnonzero((part > 0.5).any(axis)) for axis in (1, 0))
    expected = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    assert np.abs(np.subtract(letter.box, expected)).max() <= times
    assert np.abs(letter.image - alone(index)).mean() < 8


def letters_of(word):
    """A drawn letter of one part for each character of a word."""
    first = {name: np.flatnonzero(ord(name) - 64 == LABELS) for name in word}
    return [next(i for i in first[name] if i in WHOLE) for name in word]


@pytest.mark.slow
@pytest.mark.parametrize("word", ["OSCAR", "MIX", "BE"])
def test_letters_in_a_row_are_read_from_the_left(word):
    chosen = letters_of(word)
    parts = [(20 + 150 * k, 30 + 7 * k, enlarged(SKETCHES[i], 5)) for k, i in enumerate(chosen)]
    found = find(placed(parts, (230, 30 + 150 * len(word))))
    assert len(found) == len(word)
    for letter, i in zip(found, chosen, strict=True):
        assert np.abs(letter.image - alone(i)).mean() < 8


@pytest.mark.slow
def test_lines_and_words_are_kept():
    lines = ["SO BE", "OSCAR S"]
    parts = [
        (20 + 75 * column, 30 + 120 * row, enlarged(SKETCHES[letters_of(c)[0]], 3))
        for row, line in enumerate(lines)
        for column, c in enumerate(line)
        if c != " "
    ]
    reading = recognition.find(ALL_A, placed(parts, (300, 600)), "a picture")
    assert [[len(word) for word in line] for line in reading.lines] == [[2, 2], [5, 1]]


@pytest.mark.slow
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_on_its_side_or_head_is_turned(quarters):
    chosen = letters_of("OSCAR")
    parts = [(20 + 150 * k, 30, enlarged(SKETCHES[i], 5)) for k, i in enumerate(chosen)]
    picture = placed(parts, (230, 780))
    known = np.stack([alone(i) for i in chosen])

    def likeness(images):
        """Says which letter of the word an image is, and how surely."""
        distance = np.abs(images[:, None] - known).mean((2, 3))
        return np.float32(np.pad(8 - distance / 3, ((0, 0), (1, 0)), constant_values=5))

    classifier = Classifier("likeness", ("N/A", *"OSCAR"), (28, 28), likeness, non_letter=0)
    upright = recognition.find(classifier, picture, "upright")
    assert upright.text == "OSCAR"
    turned = recognition.find(classifier, np.rot90(picture, -quarters), "turned")
    assert turned.text == "OSCAR"
    height, width = np.rot90(picture, -quarters).shape[:2]
    for a, b in zip(upright.characters, turned.characters, strict=True):
        mask = np.zeros(picture.shape[:2], bool)
        mask[a.box[1] : a.box[3], a.box[0] : a.box[2]] = True
        rows, columns = np.nonzero(np.rot90(mask, -quarters))
        expected = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert np.abs(np.subtract(b.box, expected)).max() <= 2
        assert 0 <= b.box[0] < b.box[2] <= width
        assert 0 <= b.box[1] < b.box[3] <= height


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (5, 6000), (1, 1)])
def test_nothing_is_found_in_a_line_of_pixels(shape):
    assert find(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)) == []


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is_written(seed):
    rng = np.random.default_rng(seed)
    light = np.linspace(140, 250, 400)[:, None, None] * np.ones((1, 300, 3))
    empty = np.clip(light + rng.normal(0, 6, light.shape), 0, 255).astype(np.uint8)
    assert find(empty) == []
    assert find(np.full((50, 40, 3), 200 * (seed == 0), np.uint8)) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2000)])
def test_pictures_of_any_shape_are_looked_at(size):
    assert find(np.full((*size, 3), 9, np.uint8)) == []


@pytest.mark.slow
def test_a_large_picture_is_reduced_and_its_boxes_are_not():
    (letter,) = find(placed([(1000, 700, enlarged(SKETCHES[WHOLE[0]], 30))], (1800, 2900)))
    left, top, right, bottom = letter.box
    assert 1000 <= left < right <= 1840
    assert 700 <= top < bottom <= 1540


@pytest.mark.parametrize("pen", [2, 4, 10])
def test_thin_and_thick_pens_leave_strokes_of_a_usual_width(pen):
    picture = np.full((300, 300, 3), 255, np.uint8)
    picture[100:200, 100 : 100 + pen] = 0
    picture[200 - pen : 200, 100:180] = 0  # an L
    (letter,) = find(picture)
    widths = (letter.image[8:18] > 127).sum(axis=1)
    assert set(widths) <= {2, 3}


def test_light_and_noise_leave_a_letter_as_it_is():
    rng = np.random.default_rng(0)
    part = enlarged(SKETCHES[WHOLE[1]], 8)
    clean = placed([(150, 120, part)], (460, 520), (250, 245, 230), (30, 40, 120))
    y, x = np.mgrid[-1:1:460j, -1:1:520j]
    light = (0.8 + 0.15 * x - 0.1 * y - 0.08 * x * x)[..., None]
    seen = np.clip(light * clean + rng.normal(0, 6, clean.shape), 0, 255).astype(np.uint8)
    (one,), (other,) = find(clean), find(seen)
    assert np.abs(np.subtract(one.box, other.box)).max() <= 3
    assert np.abs(one.image - other.image.astype(float)).mean() < 8


@pytest.mark.slow
def test_photographs_of_letters_hold_one_letter_each():
    pictures = photographs.photographs(5)
    alone = [len(find(picture.image)) == 1 for picture in pictures]
    assert np.mean(alone) >= 0.95


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(4, 12))
def test_on_mnists_canvas_a_sign_is_smaller_and_its_mass_in_the_middle(index, times):
    picture = placed([(50, 60, enlarged(SKETCHES[index], times))], (420, 410))
    (letter,) = recognition.find(ON_MNIST, picture, "a picture").characters
    (usual,) = find(picture)
    assert letter.box == usual.box
    longer = [np.ptp(np.argwhere(each.image > 127), axis=0).max() + 1 for each in (letter, usual)]
    assert 18 <= longer[0] <= 21
    assert longer[0] <= longer[1]
    mass = ndimage.center_of_mass(letter.image)
    np.testing.assert_allclose(mass, 13.5, atol=0.35)

"""Letters are found in pictures, whatever the paper, the pen and the light, and become like EMNIST's."""

import functools

import numpy as np
import photographs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from jaxletters.data.synthetic import sketch
from jaxletters.reading import segmentation

SKETCHES, LABELS = sketch.draw(104, "test", 0)
# One part each, whoever writes them.
WHOLE = [
    i for i in range(len(SKETCHES)) if ndimage.label(SKETCHES[i] > 90, np.ones((3, 3)))[1] == 1
]


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
    (letter,) = segmentation.segment(placed([(50, 60, enlarged(SKETCHES[index], 8))], (340, 330)))
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
@settings(max_examples=20)
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
    (letter,) = segmentation.segment(picture)
    rows, columns = (np.flatnonzero((part > 0.5).any(axis)) for axis in (1, 0))
    expected = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    assert np.abs(np.subtract(letter.box, expected)).max() <= times
    assert np.abs(letter.image - alone(index)).mean() < 8


@pytest.mark.slow
@pytest.mark.parametrize("word", ["OSCAR", "MIX", "BE"])
def test_letters_in_a_row_are_read_from_the_left(word):
    first = {name: np.flatnonzero(ord(name) - 64 == LABELS) for name in word}
    chosen = [next(i for i in first[name] if i in WHOLE) for name in word]
    parts = [(20 + 150 * k, 30 + 7 * k, enlarged(SKETCHES[i], 5)) for k, i in enumerate(chosen)]
    found = segmentation.segment(placed(parts, (230, 30 + 150 * len(word))))
    assert len(found) == len(word)
    for letter, i in zip(found, chosen, strict=True):
        assert np.abs(letter.image - alone(i)).mean() < 8


def test_a_dot_and_a_bar_belong_to_their_letter():
    picture = np.full((300, 500, 3), 255, np.uint8)
    picture[100:220, 100:112] = 0  # i
    picture[60:74, 101:115] = 0
    picture[90:220, 300:400] = np.where(np.eye(130, 100)[..., None] > 0, 0, 255)
    picture[100:220, 240:252] = 0  # t, its bar beside the stem
    picture[120:130, 225:268] = 0
    found = segmentation.segment(picture)
    assert [letter.box[0] for letter in found[:2]] == [100, 225]
    assert found[0].box == (100, 60, 115, 220)


def test_strokes_that_nearly_touch_are_one_letter():
    picture = np.full((300, 300, 3), 255, np.uint8)
    picture[100:200, 100:110] = 0
    picture[145:155, 114:150] = 0
    picture[100:200, 154:164] = 0  # an H whose bar touches neither side
    (letter,) = segmentation.segment(picture)
    assert letter.box == (100, 100, 164, 200)


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (5, 6000), (1, 1)])
def test_nothing_is_found_in_a_line_of_pixels(shape):
    assert (
        segmentation.segment(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)) == []
    )


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is_written(seed):
    rng = np.random.default_rng(seed)
    light = np.linspace(140, 250, 400)[:, None, None] * np.ones((1, 300, 3))
    empty = np.clip(light + rng.normal(0, 6, light.shape), 0, 255).astype(np.uint8)
    assert segmentation.segment(empty) == []
    assert segmentation.segment(np.full((50, 40, 3), 200 * (seed == 0), np.uint8)) == []


@pytest.mark.slow
def test_a_pattern_is_no_letters():
    bars = np.full((900, 900, 3), 255, np.uint8)
    bars[::20, ::2] = bars[1::20, ::2] = bars[2::20, ::2] = 0
    bars[:, ::12] = 255
    assert segmentation.segment(bars) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2000)])
def test_pictures_of_any_shape_are_looked_at(size):
    assert segmentation.segment(np.full((*size, 3), 9, np.uint8)) == []


@pytest.mark.slow
def test_a_large_picture_is_reduced_and_its_boxes_are_not():
    picture = placed([(1000, 700, enlarged(SKETCHES[WHOLE[0]], 30))], (1800, 2900))
    (letter,) = segmentation.segment(picture)
    left, top, right, bottom = letter.box
    assert 1000 <= left < right <= 1840
    assert 700 <= top < bottom <= 1540


@pytest.mark.parametrize("pen", [2, 4, 10])
def test_thin_and_thick_pens_leave_strokes_of_a_usual_width(pen):
    picture = np.full((300, 300, 3), 255, np.uint8)
    picture[100:200, 100 : 100 + pen] = 0
    picture[200 - pen : 200, 100:180] = 0  # an L
    (letter,) = segmentation.segment(picture)
    widths = (letter.image[8:18] > 127).sum(axis=1)
    assert set(widths) <= {2, 3}


def test_light_and_noise_leave_a_letter_as_it_is():
    rng = np.random.default_rng(0)
    part = enlarged(SKETCHES[WHOLE[1]], 8)
    clean = placed([(150, 120, part)], (460, 520), (250, 245, 230), (30, 40, 120))
    y, x = np.mgrid[-1:1:460j, -1:1:520j]
    light = (0.8 + 0.15 * x - 0.1 * y - 0.08 * x * x)[..., None]
    seen = np.clip(light * clean + rng.normal(0, 6, clean.shape), 0, 255).astype(np.uint8)
    (one,), (other,) = segmentation.segment(clean), segmentation.segment(seen)
    assert np.abs(np.subtract(one.box, other.box)).max() <= 3
    assert np.abs(one.image - other.image.astype(float)).mean() < 8


@pytest.mark.slow
def test_photographs_of_letters_hold_one_letter_each():
    pictures = photographs.photographs(5)
    alone = [len(segmentation.segment(picture.image)) == 1 for picture in pictures]
    assert np.mean(alone) >= 0.95


@pytest.mark.slow
@settings(max_examples=20)
@given(st.sampled_from(WHOLE), st.integers(4, 12))
def test_on_mnists_canvas_a_sign_is_smaller_and_its_mass_in_the_middle(index, times):
    picture = placed([(50, 60, enlarged(SKETCHES[index], times))], (420, 410))
    (letter,) = segmentation.segment(picture, "mnist")
    (usual,) = segmentation.segment(picture)
    assert letter.box == usual.box
    longer = [np.ptp(np.argwhere(each.image > 127), axis=0).max() + 1 for each in (letter, usual)]
    assert 18 <= longer[0] <= 21
    assert longer[0] <= longer[1]
    mass = ndimage.center_of_mass(letter.image)
    np.testing.assert_allclose(mass, 13.5, atol=0.35)

"""Pictures of any size become images of one size, and lose as little as they can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from scipy import ndimage

from jaxletters.data import resize

WHOLE = ("pad", "crop", "stretch")
SIDES = st.integers(1, 40)


def pictures(channels=(1, 3)):
    shapes = st.tuples(SIDES, SIDES, st.sampled_from(channels))
    shapes = shapes.map(lambda s: s[:2] if s[2] == 1 else s)
    return shapes.flatmap(lambda shape: npst.arrays(np.uint8, shape))


@pytest.mark.slow
@given(
    pictures(), st.tuples(SIDES, SIDES), st.sampled_from([1, 3]), st.sampled_from([*WHOLE, "mnist"])
)
def test_every_picture_becomes_an_image(picture, size, channels, how):
    found = resize.fit(picture, size, channels, how)
    assert found.dtype == np.uint8
    assert found.shape == (size if channels == 1 else (*size, 3))


@pytest.mark.slow
@given(pictures(), st.sampled_from(WHOLE))
def test_what_has_the_size_keeps_its_pixels(picture, how):
    channels = 1 if picture.ndim == 2 else 3
    np.testing.assert_array_equal(
        resize.fit(picture, picture.shape[:2], channels, how), picture, strict=True
    )


@pytest.mark.slow
@given(pictures((1,)), st.tuples(SIDES, SIDES), st.sampled_from(WHOLE))
def test_nothing_becomes_brighter_or_darker_than_it_was(picture, size, how):
    found = resize.fit(picture, size, 1, how)
    assert picture.min() <= found.min()
    assert found.max() <= picture.max()


@pytest.mark.slow
@given(pictures((3,)))
def test_grey_is_luma(picture):
    luma = picture @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert np.abs(resize.fit(picture, picture.shape[:2], 1, "pad") - luma).max() <= 0.51
    grey = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_array_equal(resize.grey(grey), grey[..., 0])


def test_grey_as_colour_is_repeated():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = resize.fit(picture, (3, 4), 3, "pad")
    assert (found == picture[..., None]).all()


def test_padding_has_the_colour_of_the_paper():
    picture = np.full((20, 40, 3), (250, 240, 200), np.uint8)
    picture[8:12, 8:32] = 10
    found = resize.fit(picture, (20, 20), 3, "pad")
    assert (found[[0, 4, 15, 19]] == (250, 240, 200)).all()
    assert (found[9:11, 10] < 25).all()  # and the middle stays where it was


def test_cropping_keeps_the_middle_and_proportions():
    picture = np.zeros((30, 90), np.uint8)
    picture[:, 30:60] = 255
    assert (resize.fit(picture, (10, 10), 1, "crop") > 230).all()
    found = resize.fit(picture.T.copy(), (20, 10), 1, "crop")
    assert (found[5:15] > 230).all()
    assert (found[:5] < 25).all()
    assert (found[15:] < 25).all()


def test_stretching_reaches_every_border():
    picture = np.full((9, 31), 7, np.uint8)
    assert (resize.fit(picture, (64, 3), 1, "stretch") == 7).all()


def test_a_thin_line_is_not_lost_in_a_smaller_image():
    picture = np.zeros((280, 280), np.uint8)
    picture[:, 143:146] = 255
    found = resize.fit(picture, (28, 28), 1, "pad")
    # As much ink as before: 3 of 280 columns.
    np.testing.assert_allclose(found.mean(), picture.mean(), rtol=0.2)


def blot(height, width, corner, size=(200, 160), ink=255, paper=0):
    """A character of an own shape somewhere on paper: uint8 `[200, 160]`."""
    picture = np.full(size, paper, np.uint8)
    top, left = corner
    picture[top : top + height, left : left + max(width // 4, 1)] = ink
    picture[top + height - max(height // 5, 1) : top + height, left : left + width] = ink
    return picture


BLOTS = (
    st.integers(20, 90),
    st.integers(20, 90),
    st.tuples(st.integers(3, 60), st.integers(3, 60)),
)


@pytest.mark.slow
@given(*BLOTS, st.sampled_from([14, 28, 56]))
def test_a_character_is_placed_as_emnist_does(height, width, corner, side):
    found = resize.fit(blot(height, width, corner), (side, side), 1, "emnist")
    rows, columns = (np.flatnonzero((found > 100).any(axis)) for axis in (1, 0))
    margins = (
        [line[0] for line in (rows, columns)],
        [side - 1 - line[-1] for line in (rows, columns)],
    )
    # The longer side ends two of 28 pixels from the border, and the box is in the middle.
    assert abs(min(margins[0]) - 2 * side / 28) <= 1
    assert np.abs(np.subtract(*margins)).max() <= 1
    spans = [np.ptp(line) + 1 for line in (rows, columns)]
    assert abs(spans[0] / height * width - spans[1]) <= 1 + spans[1] / spans[0] + side / 28
    assert found.max() == 255


@pytest.mark.slow
@given(*BLOTS)
def test_a_digit_is_placed_as_mnist_does(height, width, corner):
    found = resize.fit(blot(height, width, corner), (28, 28), 1, "mnist")
    ink = np.argwhere(found > 100)
    assert 18 <= np.ptp(ink, axis=0).max() + 1 <= 20
    off = np.array(ndimage.center_of_mass(found)) - 13.5
    at_the_edge = (ink.min(0) <= 1) | (ink.max(0) >= 26)
    assert (np.abs(off) <= 0.51)[~at_the_edge].all()  # half a pixel, but for rounding to 8 bits


@pytest.mark.slow
@pytest.mark.parametrize("how", ["emnist", "mnist"])
@given(*BLOTS, st.integers(0, 60))
def test_where_a_character_was_does_not_matter(how, height, width, corner, paper):
    first = resize.fit(blot(height, width, (4, 4)), (28, 28), 1, how)
    found = resize.fit(blot(height, width, corner, paper=paper, ink=220), (28, 28), 1, how)
    assert np.abs(first.astype(int) - found).max() <= 2


@pytest.mark.parametrize("how", ["emnist", "mnist"])
def test_grains_of_paper_are_no_part_of_a_character(how):
    clean = blot(60, 40, (50, 60), ink=200, paper=30)
    grain = np.random.default_rng(0).normal(0, 6, clean.shape)
    noisy = np.uint8(np.clip(clean + grain, 0, 255))
    found = resize.fit(noisy, (28, 28), 1, how).astype(int)
    assert np.abs(found - resize.fit(clean, (28, 28), 1, how)).mean() < 6


@pytest.mark.parametrize("how", ["emnist", "mnist"])
@pytest.mark.parametrize("value", [0, 200])
def test_a_blank_sheet_stays_blank(how, value):
    blank = np.full((50, 40), value, np.uint8)
    assert (resize.fit(blank, (28, 28), 1, how) == 0).all()
    assert (resize.fit(blank, (28, 28), 3, how) == value).all()


@pytest.mark.parametrize("how", ["emnist", "mnist"])
def test_in_colour_a_character_keeps_ink_and_paper(how):
    grey = blot(60, 40, (20, 30))
    picture = np.where(grey[..., None] > 0, (30, 40, 120), (240, 230, 210)).astype(np.uint8)
    found = resize.fit(picture, (28, 28), 3, how)
    alone = resize.fit(grey, (28, 28), 1, how)
    assert (found[alone == 0] == (240, 230, 210)).all()
    assert np.abs(found[alone == 255].astype(int) - (30, 40, 120)).max() <= 2


def test_emnists_look_is_a_fixed_point_of_its_own_centring():
    sharp = resize.fit(blot(60, 40, (20, 30)), (28, 28), 1, "emnist")
    again = resize.fit(sharp, (28, 28), 1, "emnist")
    assert np.abs(sharp.astype(int) - again).mean() < 4


@given(*BLOTS, st.booleans())
def test_dark_ink_is_told_from_bright(height, width, corner, is_dark):
    picture = blot(height, width, corner)
    dark = resize.darkness(255 - picture if is_dark else picture)
    assert dark == (1 if is_dark else -1)
    assert resize.darkness(np.full((5, 5), 130, np.uint8)) == 0


def test_pillow_agrees_about_what_a_smaller_picture_is():
    rng = np.random.default_rng(0)
    smooth = np.uint8(
        255 * np.clip(ndimage.gaussian_filter(rng.random((120, 120)), 6) * 3 - 1, 0, 1)
    )
    found = resize.fit(smooth, (30, 30), 1, "pad").astype(int)
    means = np.asarray(Image.fromarray(smooth).reduce(4)).astype(int)
    assert np.abs(found - means).max() <= 6

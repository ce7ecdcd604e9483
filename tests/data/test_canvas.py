"""Putting images onto another canvas keeps what is on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.data import canvas

METHODS = ("area", "bilinear")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_alphadigits_fill_the_place_of_emnist_s_letters(method):
    full = np.full((3, 20, 16), 255, np.uint8)
    found = canvas.fit(full, (28, 28), 2, method)
    # Height 24 and, in proportion, width 19: 2 blank rows at each end, 4 and 5 blank columns.
    expected = np.zeros((3, 28, 28), np.uint8)
    expected[:, 2:26, 4:23] = 255
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_letter_keeps_its_place_and_its_weight(method):
    image = np.zeros((1, 20, 16), np.uint8)
    image[0, :5, :4] = 255
    found = canvas.fit(image, (28, 28), 2, method)[0].astype(float) / 255
    assert found[2:8, 4:9].mean() > 0.9
    assert found[10:].max() == found[:, 11:].max() == 0
    assert found.sum() == pytest.approx(20 * (24 / 20) * (19 / 16), rel=0.02)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_area_is_the_mean_of_what_a_pixel_covers(seed, times):
    images = (
        np.random.default_rng(seed).integers(0, 256, (2, 4 * times, 5 * times)).astype(np.uint8)
    )
    found = canvas.fit(images, (4, 5), 0, "area")
    blocks = images.reshape(2, 4, times, 5, times).mean(axis=(2, 4))
    assert np.abs(found - blocks).max() <= 0.5
    # The other way, every pixel becomes a block.
    larger = canvas.fit(images, (4 * times**2, 5 * times**2), 0, "area")
    np.testing.assert_array_equal(larger, images.repeat(times, axis=1).repeat(times, axis=2))


def test_a_character_of_mnist_has_the_size_and_place_of_emnist_s():
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, 3:23, 12:15] = 200  # a stroke, higher than wide, not in the middle
    images[1, 10:14, 4:24] = 255
    found = canvas.as_emnist(images)
    assert found.dtype == np.uint8
    assert not found[2].any()
    assert found.max(axis=(1, 2)).tolist() == [200, 255, 0]
    for image, side in ((found[0], 0), (found[1].T, 0)):
        rows, columns = (np.flatnonzero((image > 100).any(axis=1 - axis)) for axis in (side, 1))
        assert (rows[0], rows[-1]) == (3, 24)
        assert abs(columns[0] + columns[-1] - 27) <= 1
    np.testing.assert_array_equal(canvas.as_emnist(np.roll(images, 1, axis=2)), found)

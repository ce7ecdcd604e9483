import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxletters.training import letter_images


def test_a_segment_is_as_wide_as_its_pen():
    ends = jnp.array([[[4.0, 14.0], [24.0, 14.0]]])
    image = np.asarray(letter_images.pen_strokes(ends, 4.0, 28))
    np.testing.assert_allclose(image[:, 14].sum(), 4, atol=0.1)
    np.testing.assert_allclose(image[14], image[13], atol=1e-6)
    assert image[14, 10] == pytest.approx(1)
    assert image[5].max() == 0


@pytest.mark.parametrize("box", [(2, 3, 9, 17), (0, 0, 28, 28), (10, 2, 20, 26), (12, 12, 16, 15)])
def test_ink_is_placed_in_the_middle_as_large_as_emnists(box):
    left, top, right, bottom = box
    image = np.zeros((28, 28), np.float32)
    image[top:bottom, left:right] = 1
    assert tuple(map(int, letter_images.box(jnp.asarray(image)))) == box
    found = np.asarray(jax.jit(letter_images.on_canvas)(image))
    scale = min(22 / max(right - left, bottom - top), 1.7)
    # The area and the middle, in pixels.
    np.testing.assert_allclose(found.sum(), scale**2 * image.sum(), rtol=0.06)
    places = (np.arange(28) + 0.5) @ np.stack([found.sum(0), found.sum(1)], 1) / found.sum()
    np.testing.assert_allclose(places, 14, atol=0.3)


def test_resampling_by_one_moves_and_by_a_half_averages():
    move = np.asarray(letter_images.resampling(6, jnp.float32(1), jnp.float32(3), jnp.float32(1)))
    np.testing.assert_allclose(move @ np.arange(6.0), [0, 0, 0, 1, 2, 3])
    half = np.asarray(letter_images.resampling(6, jnp.float32(0), jnp.float32(0), jnp.float32(0.5)))
    np.testing.assert_allclose((half @ np.arange(6.0))[:3], [0.5, 2.5, 4.5])

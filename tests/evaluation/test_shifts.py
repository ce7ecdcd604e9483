import numpy as np
import scipy.ndimage
import scipy.special

from jaxletters.evaluation import shifts


def predict(images):
    """Logits that depend on where the ink is."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((images.shape[1] * images.shape[2], 3))
    return np.float32(images.reshape(len(images), -1) / 255 @ weights)


def test_the_sum_is_that_of_shifted_copies():
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 7)).astype(np.uint8)
    found = shifts.total_probabilities(predict, images, predict(images), 2)
    moves = (0, 0), (2, 0), (-2, 0), (0, 2), (0, -2)
    expected = sum(
        scipy.special.softmax(
            predict(scipy.ndimage.shift(images, (0, *move), order=0)).astype(np.float64), axis=1
        )
        for move in moves
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_unsure_have_a_low_highest_probability():
    logits = np.float32(np.log([[0.89, 0.11], [0.91, 0.09], [0.5, 0.5], [1e-9, 1]]))
    np.testing.assert_array_equal(shifts.unsure(logits), [True, False, True, False])

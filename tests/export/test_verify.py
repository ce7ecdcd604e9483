import numpy as np
import pytest

from jaxletters.core.errors import UserError
from jaxletters.data.synthetic import sketch
from jaxletters.export import verify

LOGITS = np.array([[1, 2, 0.5], [8, -4, 7.999], [-10, 1, 0]], np.float32)


def changed(row, column, value):
    found = LOGITS.copy()
    found[row, column] += np.float32(value)
    return found


def test_what_is_close_is_told_how_close():
    found = verify.compare("model.onnx", changed(1, 1, 5e-4), LOGITS)
    assert found["largest_difference"] == pytest.approx(5e-4, rel=1e-2)
    assert (found["images"], found["largest_logit"], found["same_class"]) == (3, 10, 3)


# 1e-3 is what the largest logit allows.
@pytest.mark.parametrize(
    "found",
    [changed(2, 2, 1.1e-3), changed(2, 2, np.nan), changed(0, 0, np.inf), LOGITS[:, [1, 0, 2]]],
)
def test_what_is_not_close_is_refused(found):
    with pytest.raises(UserError, match=r"^model.onnx: .*nothing was written"):
        verify.compare("model.onnx", found, LOGITS)


def test_another_class_is_refused_however_close_it_is():
    close = LOGITS + np.array([[0, 0, 0], [-6e-4, 0, 6e-4], [0, 0, 0]], np.float32)
    with pytest.raises(UserError, match="2 of 3"):
        verify.compare("model.onnx", close, LOGITS)


def test_half_precision_may_be_less_close():
    close = LOGITS + np.array([[0, 0, 0], [-6e-4, 0, 6e-4], [0, 0, 0]], np.float32)
    assert verify.compare("a", close, LOGITS, least_same=0.6)["same_class"] == 2
    assert verify.compare("a", changed(2, 2, 0.1), LOGITS, tolerance=0.02)["same_class"] == 3
    with pytest.raises(UserError, match="found differences"):
        verify.compare("a", changed(2, 2, 0.3), LOGITS, tolerance=0.02)


def test_numbers_of_a_broken_network_are_refused():
    broken = np.full_like(LOGITS, np.nan)
    with pytest.raises(UserError, match="nan"):
        verify.compare("model.onnx", broken, broken)


@pytest.mark.slow
def test_letters_are_read_where_they_fit_and_noise_elsewhere():
    np.testing.assert_array_equal(verify.sample_images((28, 28)), sketch.draw(1000, "test", 0)[0])
    noise = verify.sample_images((20, 16))
    assert (noise.shape, noise.dtype) == ((1000, 20, 16), np.uint8)
    assert set(np.unique(noise)) == set(range(256))
    np.testing.assert_array_equal(noise, verify.sample_images((20, 16)))

"""What a trained network makes of images: each once, whatever the batch."""

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.evaluation import inference, metrics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("batch_size", [1, 4, 11, 30])
def test_every_image_is_predicted_once_whatever_the_batch_size(batch_size):
    model = tiny.task().model
    mesh = tiny.task().mesh
    variables = tiny.variables(model)
    images, labels = tiny.arrays(11)
    found = inference.logits(model, variables, images, mesh, batch_size)
    assert (found.shape, found.dtype) == ((11, tiny.CLASSES), np.float32)
    expected = tiny.apply(model, variables, np.float32(images) / 255, False)[0]
    # Programs for other batch sizes may add up in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    scores, others = (metrics.evaluate(np.asarray(x), labels) for x in (found, expected))
    assert scores["accuracy"] == others["accuracy"]
    np.testing.assert_allclose(scores["loss"], others["loss"], rtol=1e-5)


@settings(max_examples=15)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_one_compiled_program_predicts_any_number_of_images(n, seed):
    task = tiny.task()
    variables = tiny.variables(task.model)
    images, _ = tiny.arrays(n, seed)
    found = inference.logits(task.model, variables, images, task.mesh, 5)
    alone = inference.logits(task.model, variables, images[-1:], task.mesh, 5)
    assert len(found) == n
    # The same program on the same image, whose place in the batch may be another.
    np.testing.assert_allclose(found[-1], alone[0], rtol=1e-5, atol=1e-6)

"""A classifier answers for each image, however many there are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.reading.classifier import Classifier


@given(st.integers(1, 200))
def test_each_image_gets_its_own_answer_and_few_programs_are_needed(count):
    sizes = set()

    def brightness(images):
        sizes.add(len(images))
        return np.stack([images.mean((1, 2)), np.zeros(len(images))], 1, dtype=np.float32)

    images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
    found = Classifier("b", ("A", "B"), (28, 28), brightness).logits(images)
    np.testing.assert_array_equal(found[:, 0], np.float32(images.mean((1, 2))))
    assert sizes <= {16, 64}

"""Labels that are no answer: of non-letters, and without training examples."""

import numpy as np
import pytest
import scipy.special

from jaxletters.reading.classifier import Classifier

NAMES = ("N/A", "A", "B", "C")
LOGITS = np.array([[9, 1, 2, 0], [0, 5, 1, 1], [-50, 3, 3, 100]], np.float32)
IMAGES = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)


def classifier(**labels):
    return Classifier("fixed", NAMES, (4, 4), lambda images: LOGITS[images[:, 0, 0] % 3], **labels)


def test_a_class_of_non_letters_is_a_probability_and_no_answer():
    found = classifier(non_letter=0).predict(IMAGES)
    shares = scipy.special.softmax(LOGITS, axis=1)
    np.testing.assert_allclose(found.is_letter, 1 - shares[:, 0], atol=1e-6)
    assert found.is_letter.dtype == found.probabilities.dtype == np.float32
    np.testing.assert_array_equal(found.probabilities[:, 0], 0)
    expected = scipy.special.softmax(LOGITS[:, 1:], axis=1)
    np.testing.assert_allclose(found.probabilities[:, 1:], expected, rtol=1e-5)
    assert found.names == ("B", "A", "C")


@pytest.mark.parametrize("labels", [{"unused": (0, 3)}, {"non_letter": 3, "unused": (0,)}])
def test_labels_without_examples_are_never_offered(labels):
    found = classifier(**labels).predict(IMAGES)
    np.testing.assert_array_equal(found.probabilities[:, [0, 3]], 0)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, rtol=1e-6)
    assert {name for row in found.best(4) for name, _ in row} == {"A", "B"}


def test_a_network_that_knows_no_other_images_finds_a_class_in_each():
    found = classifier().predict(IMAGES)
    np.testing.assert_array_equal(found.is_letter, [1, 1, 1])
    np.testing.assert_allclose(
        found.probabilities, scipy.special.softmax(LOGITS, axis=1), rtol=1e-5
    )


def test_the_logits_keep_every_class():
    np.testing.assert_array_equal(classifier(non_letter=0).logits(IMAGES), LOGITS)

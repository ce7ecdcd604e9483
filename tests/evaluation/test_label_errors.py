import numpy as np
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.evaluation import label_errors


def by_hand(labels, probabilities):
    """The definition of confident learning, one example after another."""
    classes = probabilities.shape[1]
    thresholds = {
        j: np.mean([p[j] for label, p in zip(labels, probabilities, strict=True) if label == j])
        for j in range(classes)
        if j in labels
    }
    found = []
    for i, (label, p) in enumerate(zip(labels, probabilities, strict=True)):
        serious = [j for j, threshold in thresholds.items() if p[j] >= threshold]
        if serious:
            suggested = max(serious, key=lambda j: p[j])
            if suggested != label:
                found.append((i, label, suggested))
    return sorted(found, key=lambda one: (probabilities[one[0], one[1]], one[0]))


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.3, 2.0, 8.0]))
def test_suspects_are_those_of_the_definition(seed, scale):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 40).astype(np.int32)
    # Class 4 has no examples.
    logits = (scale * rng.standard_normal((40, 5))).astype(np.float32)
    probabilities = scipy.special.softmax(logits.astype(np.float64), axis=1)
    found = label_errors.suspects(labels, logits)
    assert [one[:3] for one in found] == by_hand(labels.tolist(), probabilities)
    for one in found:
        np.testing.assert_allclose(one.label_probability, probabilities[one.example, one.label])
        np.testing.assert_allclose(
            one.suggested_probability, probabilities[one.example, one.suggested]
        )


def test_exchanged_labels_are_found():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, 2000).astype(np.int32)
    logits = rng.standard_normal((2000, 10)).astype(np.float32)
    logits[np.arange(2000), truth] += 6
    labels = truth.copy()
    wrong = rng.choice(2000, 60, replace=False)
    labels[wrong] = (labels[wrong] + 1 + rng.integers(0, 9, 60)) % 10
    found = label_errors.suspects(labels, logits)
    doubted = {one.example for one in found}
    # About as many have less than the mean probability of their true class.
    assert len(doubted & {*wrong}) >= 40
    assert len(doubted - {*wrong}) <= 20
    assert {one.example for one in found[:40]} <= {*wrong}

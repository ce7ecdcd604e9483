"""Labels in doubt, by the predictions of networks that were not trained on them.

Confident learning (Northcutt et al., Confident Learning: Estimating Uncertainty in Dataset Labels, 2021): a
class is a candidate for an example if the example has at least the probability of it that the examples
labelled with that class have on average.
"""

from typing import NamedTuple

import numpy as np

from jaxletters.core.arrays import Labels, Logits
from jaxletters.evaluation import metrics


class Suspect(NamedTuple):
    """An example whose label is in doubt.

    Attributes:
        example: its index.
        label: its label.
        suggested: the most probable of its candidate classes.
        label_probability, suggested_probability: theirs.
    """

    example: int
    label: int
    suggested: int
    label_probability: float
    suggested_probability: float


def suspects(labels: Labels, logits: Logits) -> list[Suspect]:
    """Returns the examples for which another class than the label is suggested, the most doubtful first.

    Args:
        labels: of all examples.
        logits: of each example, from a network that was not trained on it.

    Returns:
        them by rising probability of the label; ties by index.
    """
    probabilities = np.exp(metrics.log_probabilities(logits))
    rows, classes = np.arange(len(labels)), probabilities.shape[1]
    of_label = probabilities[rows, labels]
    counts = np.bincount(labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        means = np.bincount(labels, of_label, classes) / counts
    # Classes without examples have no mean, and no example is one of them.
    candidates = np.where(probabilities >= means, probabilities, -1.0)
    suggested = candidates.argmax(axis=1)
    (doubted,) = np.nonzero((candidates.max(axis=1) >= 0) & (suggested != labels))
    order = doubted[np.argsort(of_label[doubted], kind="stable")]
    return [
        Suspect(
            int(i),
            int(labels[i]),
            int(suggested[i]),
            float(of_label[i]),
            float(probabilities[i, suggested[i]]),
        )
        for i in order
    ]

"""Metrics of labels and logits: sums over batches on the devices, final values on the host.

Sums are merged; a mean is taken once, at the end.
"""

import itertools
import statistics
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64

from jaxletters.config.slots import Metric
from jaxletters.core.arrays import Labels, Logits
from jaxletters.core.errors import UserError, printable
from jaxletters.core.types import Counts, Record, Scores


def zero() -> Counts:
    """Returns the counts of no examples."""
    return Counts(jnp.int32(0), jnp.int32(0), jnp.float32(0))


def count(logits: Float[jax.Array, "b classes"], labels: Int32[jax.Array, " b"]) -> Counts:
    """Returns the counts of one batch."""
    # Imported here because it imports Optax, which `reading` does not need.
    from jaxletters.evaluation import losses

    return Counts(
        examples=jnp.int32(len(labels)),
        correct=jnp.sum(jnp.argmax(logits, -1) == labels, dtype=jnp.int32),
        loss=jnp.sum(losses.cross_entropy(logits, labels)),
    )


def merge(a: Counts, b: Counts) -> Counts:
    """Returns the counts of two disjoint sets of examples together."""
    return jax.tree.map(jnp.add, a, b)


def means(counts: Counts) -> Scores:
    """Returns the mean `loss` (nats) and `accuracy` (0 to 1) of the examples counted."""
    examples = max(int(counts.examples), 1)
    return {"loss": float(counts.loss) / examples, "accuracy": int(counts.correct) / examples}


def merge_records(records: Sequence[Record]) -> Scores:
    """Returns the mean `loss` and `accuracy` of training records, weighted by their examples."""
    weighted = [(record, record.get("examples", 0)) for record in records]
    examples = max(sum(n for _, n in weighted), 1)
    return {
        "loss": sum(record["loss"] * n for record, n in weighted) / examples,
        "accuracy": sum(record["accuracy"] * n for record, n in weighted) / examples,
    }


def evaluate(logits: Logits, labels: Labels, extra: Sequence[Metric] = ()) -> Scores:
    """Returns the mean `loss` (nats), the `accuracy` (0 to 1) and the `extra` metrics of predictions.

    Computed in float64 on the host, one row per example, so neither the batch size nor the number of
    devices changes the values.

    Args:
        logits: the logits of each example.
        labels: the class of each example.
        extra: further metrics, as in `compute`.
    """
    return {
        "loss": float(-label_log_probabilities(logits, labels).mean()),
        "accuracy": accuracy(logits, labels),
        **compute(extra, logits, labels),
    }


def compute(metrics: Sequence[Metric], logits: Logits, labels: Labels) -> Scores:
    """Returns the values of a config's metrics by name.

    Raises:
        UserError: a metric fails.
    """
    scores: Scores = {}
    for metric in metrics:
        try:
            with metric.import_context():
                scores[metric.name] = float(metric.value(labels, logits))
        except Exception as error:  # a user's metric may raise anything
            raise UserError(
                f"config.metrics: {type(metric).__name__} fails on these predictions: "
                f"{type(error).__name__}: {printable(f'{error!s:.200}')}; correct its code"
            ) from error
    return scores


def predicted_labels(logits: Float[np.ndarray, "n classes"]) -> Int64[np.ndarray, " n"]:
    """Returns the class of the largest logit, or probability, of each example."""
    return logits.argmax(axis=1)


def correct(logits: Float[np.ndarray, "n classes"], labels: Labels) -> Bool[np.ndarray, " n"]:
    """Returns whether each example's largest logit, or probability, is its label's."""
    return predicted_labels(logits) == labels


def accuracy(logits: Float[np.ndarray, "n classes"], labels: Labels) -> float:
    """Returns the share of examples for which the largest logit, or probability, is the label's."""
    return float(correct(logits, labels).mean())


def agreement(predicted: Sequence[Int64[np.ndarray, " n"]]) -> float:
    """Returns the share of examples that two of several networks predict alike, averaged over all pairs."""
    pairs = itertools.combinations(predicted, 2)
    return statistics.mean(float((first == second).mean()) for first, second in pairs)


def log_probabilities(logits: Logits) -> Float64[np.ndarray, "n classes"]:
    """Returns the log-softmax of logits."""
    with np.errstate(invalid="ignore"):  # the logits of a diverged network may be infinite
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def label_log_probabilities(logits: Logits, labels: Labels) -> Float64[np.ndarray, " n"]:
    """Returns the log-probability of each example's label."""
    return log_probabilities(logits)[np.arange(len(labels)), labels]


def probabilities(logits: Logits) -> Float32[np.ndarray, "n classes"]:
    """Returns the softmax of logits in their own dtype."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)

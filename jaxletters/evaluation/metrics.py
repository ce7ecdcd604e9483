"""Counting what a network got right. Sums are merged; a mean is taken once, at the end."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxletters.config.slots import Metric
from jaxletters.core.errors import UserError, printable
from jaxletters.core.types import Counts, Scores
from jaxletters.evaluation import losses


def zero() -> Counts:
    """Returns the counts of no examples."""
    return Counts(jnp.int32(0), jnp.int32(0), jnp.float32(0))


def count(logits: jax.Array, labels: jax.Array) -> Counts:
    """Returns the counts of one batch of logits `[b, classes]` and labels `[b]`."""
    return Counts(
        examples=jnp.int32(len(labels)),
        correct=jnp.sum(jnp.argmax(logits, -1) == labels, dtype=jnp.int32),
        loss=jnp.sum(losses.cross_entropy(logits, labels)),
    )


def merge(a: Counts, b: Counts) -> Counts:
    """Returns the counts of both sets of examples."""
    return jax.tree.map(jnp.add, a, b)


def means(counts: Counts) -> Scores:
    """Returns the mean `loss` (nats) and `accuracy` (0 to 1) over the examples counted."""
    examples = max(int(counts.examples), 1)
    return {"loss": float(counts.loss) / examples, "accuracy": int(counts.correct) / examples}


def evaluate(logits: np.ndarray, labels: np.ndarray) -> Scores:
    """Returns the mean `loss` and `accuracy` of predictions that are already on the host.

    Computed in float64 over one row per example, so neither batch size nor device count can show.

    Args:
        logits: float32 `[n, classes]`.
        labels: int32 `[n]`.
    """
    return {
        "loss": float(-log_probabilities(logits)[np.arange(len(labels)), labels].mean()),
        "accuracy": float((logits.argmax(axis=1) == labels).mean()),
    }


def further(parts: Sequence[Metric], logits: np.ndarray, labels: np.ndarray) -> Scores:
    """Returns the figures of metrics by their names, of predictions as `evaluate` takes them.

    Raises:
        UserError: a metric fails.
    """
    found = {}
    for part in parts:
        try:
            with part.importing():
                found[part.name] = float(part.value(labels, logits))
        except Exception as error:  # its type differs with what the metric does
            raise UserError(
                f"config.metrics: {type(part).__name__} fails on these predictions: "
                f"{type(error).__name__}: {printable(f'{error!s:.200}')}; correct its code"
            ) from error
    return found


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns the float64 log-softmax `[n, classes]` of logits that are already on the host."""
    with np.errstate(invalid="ignore"):  # a diverged network's losses are NaN, and said to be
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

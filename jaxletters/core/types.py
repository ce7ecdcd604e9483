"""The values that flow between the layers; all of them are pytrees of arrays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

if TYPE_CHECKING:
    import optax

Tree = Any
"""A nested dict of arrays, such as a network's parameters."""


class Dataset(NamedTuple):
    """A labelled set of images, upright, in host memory.

    Attributes:
        images: uint8 `[n, height, width]`, 0 = paper, 255 = ink.
        labels: int32 `[n]`, each in `[0, len(class_names))`.
        class_names: one name per label.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


class Examples(NamedTuple):
    """A dataset's arrays on the devices: uint8 images `[n, h, w]` and int32 labels `[n]`."""

    images: jax.Array
    labels: jax.Array


class Batch(NamedTuple):
    """What one training step sees: float32 images `[b, h, w]` in [0, 1] and int32 labels `[b]`."""

    images: jax.Array
    labels: jax.Array


class Variables(NamedTuple):
    """What a network computes with: trainable parameters and BatchNorm's running statistics."""

    params: Tree
    batch_stats: Tree


class Model(NamedTuple):
    """A network as two pure functions.

    Attributes:
        init: `init(key) -> Variables`.
        apply: `apply(variables, images, train, key) -> (logits, batch_stats)` for float32 images
            `[b, h, w]` in [0, 1]; float32 logits `[b, classes]`. With `train` false, `key` is unused
            and `batch_stats` come back as they were.
    """

    init: Callable[[jax.Array], Variables]
    apply: Callable[..., tuple[jax.Array, Tree]]


class Counts(NamedTuple):
    """Sums over examples; they are merged by adding, so no mean of means is ever taken.

    Attributes:
        examples: int32 scalar.
        correct: int32 scalar, examples whose largest logit is the label's.
        loss: float32 scalar, summed cross-entropy in nats.
    """

    examples: jax.Array
    correct: jax.Array
    loss: jax.Array


Scores = dict[str, float]
"""Figures of examples: the mean "loss" in nats, "accuracy" in [0, 1], and metrics by their names."""


class TrainState(NamedTuple):
    """All that a training step reads and writes.

    Attributes:
        step: int32 scalar, the number of steps taken: the only clock.
        variables: parameters and BatchNorm statistics.
        ema: exponential moving average of the variables, or None when it is off.
        opt_state: Optax's state.
        skipped: int32 scalar, steps whose loss or gradient was not finite and which changed nothing.
        in_a_row: int32 scalar, how many of the newest steps were such, one after another.
        halvings: int32 scalar, how often the learning rate was halved.
    """

    step: jax.Array
    variables: Variables
    ema: Variables | None
    opt_state: "optax.OptState"
    skipped: jax.Array
    in_a_row: jax.Array
    halvings: jax.Array


class Rollback(NamedTuple):
    """The last roll-back of a run; it lives inside the checkpoint.

    Attributes:
        to: the step that the run went back to, 0 at first.
        diverged_at: the last step before the divergence, 0 at first.
    """

    to: int = 0
    diverged_at: int = 0


class Progress(NamedTuple):
    """What early stopping remembers; it lives inside the checkpoint.

    Attributes:
        best_metric: the best value of the monitored metric so far (larger is better), -inf at first.
        best_step: the step at which it was reached, -1 at first.
        level: the metric when it last improved by more than `training.min_delta`, -inf at first.
        evals_since_level: evaluations since then.
        evaluated_step: the step of the newest evaluation, 0 at first.
    """

    best_metric: float = float("-inf")
    best_step: int = -1
    level: float = float("-inf")
    evals_since_level: int = 0
    evaluated_step: int = 0

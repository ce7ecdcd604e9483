"""The values that pass between the folders: datasets, batches, networks, training state, JSON.

Importing this module does not import JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypeAlias, TypedDict

if TYPE_CHECKING:
    import jax
    import numpy as np
    import optax
    from numpy.typing import NDArray

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What `json.loads` returns. Cast it to a TypedDict where the keys are known."""

Tree: TypeAlias = Any
"""A nested dict of arrays, such as the parameters of a network."""

Scores: TypeAlias = dict[str, float]
"""Metrics of a set of examples: the mean "loss" in nats, "accuracy" in [0, 1], and others by name."""


class Record(TypedDict):
    """A line of `metrics.jsonl`: what the config and the step alone determine. NaN stands for null.

    The user's metrics have further keys. "stage", from 1, occurs where the records of several stages are
    joined, the others that are not required in training records.
    """

    step: int
    split: str
    epoch: float
    loss: float
    accuracy: float
    examples: NotRequired[int]
    skipped: NotRequired[int]
    halvings: NotRequired[int]
    learning_rate: NotRequired[float]
    stage: NotRequired[int]


class Timing(TypedDict):
    """A line of `timings.jsonl`: the seconds of the steps since the line before, or of an evaluation."""

    step: int
    seconds: NotRequired[float]
    images_per_second: NotRequired[float]
    evaluation_seconds: NotRequired[float]


class Dataset(NamedTuple):
    """Labelled images, upright, in host memory.

    Attributes:
        images: uint8 `[n, height, width]` or `[n, height, width, 3]`, 0 = paper, 255 = ink.
        labels: int32 `[n]`, each in `[0, len(class_names))`.
        class_names: one name per label.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    class_names: tuple[str, ...]


class Batch(NamedTuple):
    """The input of one training step.

    Attributes:
        images: float32 `[b, h, w]` or `[b, h, w, 3]` in [0, 1].
        labels: int32 `[b]`.
        teacher_logits: float32 `[b, classes]`; None without a teacher.
    """

    images: jax.Array
    labels: jax.Array
    teacher_logits: jax.Array | None = None


class Variables(NamedTuple):
    """The arrays of a network: trainable parameters and the running statistics of BatchNorm."""

    params: Tree
    batch_stats: Tree


class Model(NamedTuple):
    """A network as two pure functions.

    Attributes:
        init: `init(key) -> Variables`.
        apply: `apply(variables, images, train, key) -> (logits, batch_stats)` for float32 images
            `[b, h, w]` in [0, 1]; float32 logits `[b, num_classes]`. With `train` false, `key` is unused
            and `batch_stats` are returned unchanged.
    """

    init: Callable[[jax.Array], Variables]
    apply: Callable[..., tuple[jax.Array, Tree]]


class Counts(NamedTuple):
    """Sums over examples. Adding merges them, so that nothing averages averages.

    Attributes:
        examples: int32 scalar.
        correct: int32 scalar, the examples with the largest logit at the label.
        loss: float32 scalar, summed cross-entropy in nats.
    """

    examples: jax.Array
    correct: jax.Array
    loss: jax.Array


class TrainState(NamedTuple):
    """Everything that a training step reads and writes.

    Attributes:
        step: int32 scalar, the number of steps taken: the only clock.
        variables: parameters and BatchNorm statistics.
        ema: exponential moving average of the variables; None without one.
        opt_state: the state of the Optax transformation.
        skipped: int32 scalar, the steps that changed nothing because the loss or the gradient was not finite.
        in_a_row: int32 scalar, the number of consecutive skipped steps up to now.
        halvings: int32 scalar, how often a roll-back halved the learning rate.
    """

    step: jax.Array
    variables: Variables
    ema: Variables | None
    opt_state: optax.OptState
    skipped: jax.Array
    in_a_row: jax.Array
    halvings: jax.Array


class Rollback(NamedTuple):
    """The last roll-back of a run; a part of the checkpoint.

    Attributes:
        to: the step that training returned to; 0 before the first roll-back.
        diverged_at: the last step before the divergence; 0 before the first roll-back.
    """

    to: int = 0
    diverged_at: int = 0


class Progress(NamedTuple):
    """The state of early stopping; a part of the checkpoint.

    Attributes:
        best_metric: the best value of the monitored metric so far (larger is better); -inf at first.
        best_step: the step of that value; -1 at first.
        level: the metric when it last improved by more than `training.min_delta`; -inf at first.
        evals_since_level: the number of evaluations since then.
        evaluated_step: the step of the newest evaluation; 0 at first.
    """

    best_metric: float = float("-inf")
    best_step: int = -1
    level: float = float("-inf")
    evals_since_level: int = 0
    evaluated_step: int = 0

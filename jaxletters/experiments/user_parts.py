"""Checks of the parts that a user wrote: each part is traced before any data is loaded."""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxletters.config import serialization, user_modules
from jaxletters.config.parts import Slot
from jaxletters.config.schema import Config
from jaxletters.config.slots import Augmentation, Loss, Metric, ModelConfig, Optimizer
from jaxletters.core.errors import UserError
from jaxletters.models import networks
from jaxletters.training import optimizers

_Check = Callable[[], str | None]


def check(config: Config, num_classes: int, shape: tuple[int, ...]) -> None:
    """Traces every part of a config that is defined outside this package, or contains such a part.

    Args:
        config: the run.
        num_classes: the number of classes.
        shape: of the images.

    Raises:
        UserError: parts fail or return a wrong type; the message has a line for each.
    """
    lines: list[str] = []
    for key, part, action in _checks(config, num_classes, shape):
        name = type(part).__name__
        try:
            with part.import_context():
                problem = action()
        except Exception as error:  # a user's code may raise any exception
            problem = f"{name} fails: {user_modules.describe_error(error)}"
        if problem:
            lines.append(f"config.{key}: {problem}")
    if lines:
        raise UserError("\n".join(lines))


def _checks(
    config: Config, num_classes: int, shape: tuple[int, ...]
) -> Iterator[tuple[str, Slot, _Check]]:
    """Yields the key, the part and the check of each part that `check` traces."""
    augment = config.augment
    augmentations = (
        {f"augment.{i}": part for i, part in enumerate(augment)}
        if isinstance(augment, tuple)
        else {"augment": augment}
    )
    stages = {f"stages.{i}.optimizer": stage.optimizer for i, stage in enumerate(config.stages)}
    checks: list[tuple[str, Slot, Any]] = [
        ("model", config.model, functools.partial(_model, config.model, num_classes, shape)),
        ("loss", config.loss, functools.partial(_loss, config.loss, num_classes)),
    ]
    checks += [
        (key, part, functools.partial(_augmentation, part, shape))
        for key, part in augmentations.items()
    ]
    for key, part in (stages or {"optimizer": config.optimizer}).items():
        checks.append((key, part, functools.partial(_optimizer, part)))
    for i, metric in enumerate(config.metrics):
        checks.append((f"metrics.{i}", metric, functools.partial(_metric, metric, num_classes)))
    for key, part, action in checks:
        if part.defined_by is not None or _has_user_part(part):
            yield key, part, action


def _has_user_part(part: Slot) -> bool:
    """Returns whether a setting of a part is a part that is defined outside this package."""
    return any(isinstance(v, Slot) and v.defined_by is not None for v in vars(part).values())


def _array_problem(what: str, shape: tuple[int, ...], output: object) -> str | None:
    """Returns the problem of a traced output that is not a float32 array of a shape, else None."""
    description = type(output).__name__
    if isinstance(output, jax.ShapeDtypeStruct):
        if output.shape == shape and output.dtype == jnp.float32:
            return None
        description = f"{output.dtype} {list(output.shape)}"
    return f"expected {what} float32 {list(shape)}, found {description}; correct its code"


def _model(part: ModelConfig, num_classes: int, shape: tuple[int, ...]) -> str | None:
    if not _is_serializable(part):
        return (
            "expected settings that can be read back from config.json, found others; use numbers, strings, "
            "tuples of one declared type, and parts of exactly the declared class"
        )
    model = networks.build(part, num_classes, shape)
    variables = jax.eval_shape(model.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    logits, _ = jax.eval_shape(functools.partial(model.apply, train=False), variables, images)
    train = functools.partial(model.apply, train=True, key=jax.random.key(0))
    jax.eval_shape(train, variables, images)
    size = "x".join(map(str, shape))
    return _array_problem(f"the logits of an image of {size} pixels,", (1, num_classes), logits)


def _is_serializable(part: ModelConfig) -> bool:
    """Returns whether a part equals its copy from JSON, as runs and bundles restore it."""
    values = json.loads(json.dumps(serialization.to_dict(part)))
    try:
        return serialization.instantiate(values, type(part)) == part
    except (KeyError, TypeError, AttributeError):
        return False


def _augmentation(part: Augmentation, shape: tuple[int, ...]) -> str | None:
    key = jax.random.key(0)
    if type(part).apply_batch is Augmentation.apply_batch:
        image = jax.ShapeDtypeStruct(shape, jnp.float32)
        return _array_problem("an image,", shape, jax.eval_shape(part.apply, key, image))
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    images = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    new_images, new_labels = jax.eval_shape(part.apply_batch, key, images, labels)
    if (new_labels.shape, new_labels.dtype) != (labels.shape, labels.dtype):
        found = f"{new_labels.dtype} {list(new_labels.shape)}"
        return f"expected labels, int32 [2], found {found}; correct its code"
    return _array_problem("images,", images.shape, new_images)


def _loss(part: Loss, num_classes: int) -> str | None:
    logits = jax.ShapeDtypeStruct((2, num_classes), jnp.float32)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    penalty = jax.eval_shape(part.penalty, {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32)})
    if getattr(penalty, "shape", ()) != ():
        return f"expected a penalty that is a scalar, found {list(penalty.shape)}; correct its code"
    return _array_problem(
        "a loss per example,", (2,), jax.eval_shape(part.per_example, logits, labels)
    )


def _metric(part: Metric, num_classes: int) -> str | None:
    labels = np.arange(2 * num_classes, dtype=np.int32) % num_classes
    logits = np.random.default_rng(0).normal(size=(len(labels), num_classes)).astype(np.float32)
    value: Any = part.value(labels, logits)
    if np.ndim(value) == 0 and np.issubdtype(np.asarray(value).dtype, np.number):
        return None
    return f"expected a number, found {type(value).__name__}; correct its code"


def _optimizer(part: Optimizer) -> str | None:
    steps = 100  # any number
    optimizer: Any = optimizers.build(part, steps)
    if not isinstance(optimizer, optax.GradientTransformation):
        type_name = type(optimizer).__name__
        return f"expected build to return an Optax transformation, found {type_name}"
    params = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32)}
    state = jax.eval_shape(optimizer.init, params)
    updates, _ = jax.eval_shape(optimizer.update, params, state, params)
    jax.eval_shape(optax.apply_updates, params, updates)
    rate = part.rate(steps)

    def rate_at(step: jax.Array) -> jax.Array:
        return jnp.float32(rate(step))

    return _array_problem("a learning rate,", (), jax.eval_shape(rate_at, jnp.int32(0)))

"""Builds Optax optimizers and learning-rate schedules from the config."""

import collections
import functools
import math
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
import optax.contrib

from jaxletters.config.slots import Optimizer
from jaxletters.config.training import OptimizerConfig, ScheduleConfig
from jaxletters.core.types import Tree
from jaxletters.models.params import kernel_mask, trainable_mask


def schedule(peak: float, config: ScheduleConfig, total_steps: int) -> optax.Schedule:
    """Returns the learning rate as a function of the step, for a run of `total_steps`."""
    warmup = round(config.warmup * total_steps)
    remaining = max(total_steps - warmup, 1)
    if config.name == "constant":
        after = optax.constant_schedule(peak)
    elif config.name == "cosine":
        after = optax.cosine_decay_schedule(peak, remaining)
    elif config.name == "one_cycle":
        after = optax.linear_schedule(peak, 0.0, remaining)
    else:
        # In a short run, milestones may round to the same step; then the factor applies once for each.
        milestones_at = collections.Counter(
            round(m * total_steps) - warmup for m in config.milestones
        )
        drops = {step: config.factor**times for step, times in milestones_at.items()}
        after = optax.piecewise_constant_schedule(peak, drops)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def _muon(decay: optax.GradientTransformation) -> optax.GradientTransformation:
    """Returns Muon for the kernels (Jordan et al., Muon, 2024) and Adam for all other parameters.

    A convolution's kernel counts as the matrix of all its inputs by its outputs. Updates are scaled to
    the usual size of Adam's, so that learning rates are comparable (Liu et al., Muon is Scalable for LLM
    Training, 2025, section 2.2).
    """

    def dimensions(kernel: jax.Array) -> optax.contrib.MuonDimensionNumbers:
        *inputs, output = range(kernel.ndim)
        return optax.contrib.MuonDimensionNumbers(tuple(inputs), output)

    def rescale(update: Any, _: Any) -> jax.Array:
        outputs = update.shape[-1]
        return 0.2 * math.sqrt(max(update.size // outputs, outputs)) * update

    orthogonal = optax.contrib.scale_by_muon(
        weight_dimension_numbers=lambda kernels: jax.tree.map(dimensions, kernels)
    )
    muon = optax.chain(orthogonal, optax.stateless_with_tree_map(rescale))
    grouped = _partition(kernel_mask, {"kernel": muon, "other": optax.scale_by_adam()})
    return optax.chain(grouped, decay)


def _partition(
    mask: Callable[[Tree], Tree], transforms: dict[Hashable, optax.GradientTransformation]
) -> optax.GradientTransformation:
    """Applies the first of two named transformations where a mask is true, the second elsewhere.

    The names are keys of the optimizer's state.
    """
    if_true, if_false = transforms.keys()

    def label(selected: bool) -> Hashable:
        return if_true if selected else if_false

    return optax.partition(transforms, lambda params: jax.tree.map(label, mask(params)))


def transformation(config: OptimizerConfig, rate: optax.Schedule) -> optax.GradientTransformation:
    """Returns the transformation that a config describes, with a learning rate by step.

    Weight decay applies to kernels only. The SGD family adds it to the gradient before the momentum, as
    is usual; AdamW and Muon decouple it (Loshchilov and Hutter, Decoupled Weight Decay Regularization,
    2017).
    """
    decay = optax.add_decayed_weights(config.weight_decay, kernel_mask)
    if not config.weight_decay:
        decay = optax.identity()
    core = {
        "sgd": lambda: decay,
        "momentum": lambda: optax.chain(decay, optax.trace(config.momentum)),
        "nesterov": lambda: optax.chain(decay, optax.trace(config.momentum, nesterov=True)),
        # Keras's constants, with which Chollet's networks were trained.
        "rmsprop": lambda: optax.scale_by_rms(decay=0.9, eps=1e-7),
        "adam": optax.scale_by_adam,
        "adamw": lambda: optax.chain(optax.scale_by_adam(), decay),
        "muon": lambda: _muon(decay),
    }[config.name]()
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    return optax.chain(clip, core, optax.scale_by_learning_rate(rate))


# The shares of the steps after which the way back begins, and after which it is complete. The state of an
# optimizer does not count steps that training skips, so the last twentieth is left for them.
_BACK_FROM, _BACK_UNTIL = 0.85, 0.95


class _ReturningState(NamedTuple):
    """The state of the optimizer within, the initial parameters, and the updates so far, an int32 scalar."""

    inner: optax.OptState
    start: Tree
    step: jax.Array


def returning(
    optimizer: optax.GradientTransformation, total_steps: int, back: float
) -> optax.GradientTransformation:
    """Returns an optimizer whose last steps also go a part of the way back to the initial parameters.

    Args:
        optimizer: the optimizer within; its learning rate should be low at the end, or it leaves again.
        total_steps: the number of steps. The way back is complete if at most a twentieth of them is skipped.
        back: the part of the way, in [0, 1].
    """

    def done(steps: jax.Array) -> jax.Array:
        """Returns the part of the way that is done after so many updates."""
        progress = (steps / total_steps - _BACK_FROM) / (_BACK_UNTIL - _BACK_FROM)
        return back * jnp.clip(progress, 0.0, 1.0)

    def init(params: Tree) -> _ReturningState:
        # Copies, because a training step overwrites the memory of its arguments.
        start = jax.tree.map(jnp.copy, params)
        return _ReturningState(optimizer.init(params), start, jnp.zeros((), jnp.int32))

    def update(
        updates: Tree, state: _ReturningState, params: Tree | None = None
    ) -> tuple[Tree, _ReturningState]:
        changes, inner = optimizer.update(updates, state.inner, params)
        before, after = done(state.step), done(state.step + 1)
        # Of what is left of the way. Nothing is left to divide by once `back` = 1 is reached.
        left = jnp.where(before < 1, 1 - before, 1.0)
        share = jnp.where(before < 1, (after - before) / left, 1.0)

        def turn(change: jax.Array, parameter: jax.Array, start: jax.Array) -> jax.Array:
            return change - share * (parameter + change - start)

        changes = jax.tree.map(turn, changes, params, state.start)
        return changes, _ReturningState(inner, state.start, state.step + 1)

    return optax.GradientTransformation(init, cast(Any, update))


# The cache returns the same functions for equal arguments, so that compiled programs are reused.
@functools.cache
def build(
    config: Optimizer, total_steps: int, trainable: str = ".*"
) -> optax.GradientTransformation:
    """Returns the optimizer of a run of `total_steps`, for the parameters that `trainable` matches."""
    with config.import_context():
        optimizer = config.build(total_steps)
    if trainable == ".*":
        return optimizer
    mask = functools.partial(trainable_mask, pattern=trainable)
    return _partition(mask, {"trained": optimizer, "frozen": optax.set_to_zero()})

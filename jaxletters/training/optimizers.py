"""Optimizers and learning-rate schedules, all of them Optax's, put together from the config."""

import collections
import functools
import math
from typing import Any

import jax
import optax
import optax.contrib

from jaxletters.config.slots import Optimizer
from jaxletters.config.training import OptimizerConfig, ScheduleConfig
from jaxletters.core.types import Tree
from jaxletters.evaluation.losses import is_kernel
from jaxletters.training import pretrained


def schedule(peak: float, config: ScheduleConfig, total_steps: int) -> optax.Schedule:
    """Returns the learning rate as a function of the step, for a run of `total_steps`."""
    warmup = round(config.warmup * total_steps)
    rest = max(total_steps - warmup, 1)
    after: optax.Schedule
    if config.name == "constant":
        after = optax.constant_schedule(peak)
    elif config.name == "cosine":
        after = optax.cosine_decay_schedule(peak, rest)
    elif config.name == "one_cycle":
        after = optax.linear_schedule(peak, 0.0, rest)
    else:
        # Counted, because in a short run two milestones may round to one step.
        steps = collections.Counter(round(m * total_steps) - warmup for m in config.milestones)
        drops = {step: config.factor**times for step, times in steps.items()}
        after = optax.piecewise_constant_schedule(peak, drops)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def _kernels(params: Tree) -> Tree:
    return jax.tree.map(is_kernel, params)


def _muon(decay: optax.GradientTransformation) -> optax.GradientTransformation:
    """Momentum made orthogonal for the kernels (Jordan et al., Muon, 2024), Adam for all else.

    A convolution's kernel is the matrix of all its inputs by its outputs. Updates are as large as
    Adam's usually are, so that learning rates mean the same (Liu et al., Muon is Scalable for LLM
    Training, 2025, section 2.2).
    """

    def inputs_and_outputs(kernels: Tree) -> Tree:
        return jax.tree.map(
            lambda x: optax.contrib.MuonDimensionNumbers(tuple(range(x.ndim - 1)), x.ndim - 1),
            kernels,
        )

    def as_long(x: Any, _: Any) -> jax.Array:
        return 0.2 * math.sqrt(max(x.size // x.shape[-1], x.shape[-1])) * x

    def groups(params: Tree) -> Tree:
        return jax.tree.map(lambda kernel: "kernel" if kernel else "other", _kernels(params))

    turned = optax.contrib.scale_by_muon(weight_dimension_numbers=inputs_and_outputs)
    whole = optax.chain(turned, optax.stateless_with_tree_map(as_long))
    grouped = optax.partition({"kernel": whole, "other": optax.scale_by_adam()}, groups)
    return optax.chain(grouped, decay)


def transformation(config: OptimizerConfig, rate: optax.Schedule) -> optax.GradientTransformation:
    """Returns the transformation that a config describes, with a learning rate by step.

    Weight decay reaches kernels only. For the SGD family it joins the gradient before the momentum, as
    is usual there; for AdamW and Muon it is decoupled (Loshchilov and Hutter, Decoupled Weight Decay
    Regularization, 2017).
    """
    decay = optax.add_decayed_weights(config.weight_decay, _kernels)
    if not config.weight_decay:
        decay = optax.identity()
    core = {
        "sgd": lambda: decay,
        "momentum": lambda: optax.chain(decay, optax.trace(config.momentum)),
        "nesterov": lambda: optax.chain(decay, optax.trace(config.momentum, nesterov=True)),
        # Keras' constants, which Chollet's networks were trained with.
        "rmsprop": lambda: optax.scale_by_rms(decay=0.9, eps=1e-7),
        "adam": optax.scale_by_adam,
        "adamw": lambda: optax.chain(optax.scale_by_adam(), decay),
        "muon": lambda: _muon(decay),
    }[config.name]()
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    return optax.chain(clip, core, optax.scale_by_learning_rate(rate))


# Equal arguments give the same functions, so that what was compiled with them is used again.
@functools.cache
def build(
    config: Optimizer, total_steps: int, trainable: str = ".*"
) -> optax.GradientTransformation:
    """Returns the optimizer of a run of `total_steps`, for the parameters that `trainable` matches."""
    with config.import_context():
        whole = config.build(total_steps)
    if trainable == ".*":
        return whole

    def parts(params: Tree) -> Tree:
        trained = pretrained.trainable(params, trainable)
        return jax.tree.map(lambda yes: "trained" if yes else "frozen", trained)

    return optax.partition({"trained": whole, "frozen": optax.set_to_zero()}, parts)

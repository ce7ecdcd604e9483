"""Optimizers and learning-rate schedules, all of them Optax's, put together from the config."""

import collections
import functools

import jax
import optax

from jaxletters import transfer
from jaxletters.config import OptimizerConfig, ScheduleConfig
from jaxletters.losses import is_kernel
from jaxletters.types import Tree


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
    return jax.tree_util.tree_map_with_path(lambda path, _: is_kernel(path), params)


# Equal arguments give the same functions, so that what was compiled with them is used again.
@functools.cache
def build(
    config: OptimizerConfig, total_steps: int, trainable: str = ".*"
) -> optax.GradientTransformation:
    """Returns the optimizer of a run of `total_steps`, for the parameters that `trainable` matches.

    Weight decay reaches kernels only. For the SGD family it joins the gradient before the momentum, as
    is usual there; for AdamW it is decoupled (Loshchilov and Hutter, Decoupled Weight Decay
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
    }[config.name]()
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    rate = schedule(config.learning_rate, config.schedule, total_steps)
    whole = optax.chain(clip, core, optax.scale_by_learning_rate(rate))
    if trainable == ".*":
        return whole

    def parts(params: Tree) -> Tree:
        trained = transfer.trainable(params, trainable)
        return jax.tree.map(lambda yes: "trained" if yes else "frozen", trained)

    return optax.partition({"trained": whole, "frozen": optax.set_to_zero()}, parts)

"""The training step, and the compiled programs that initialise the state and repeat the step."""

import functools
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxletters.config.training import Distillation
from jaxletters.core import rng
from jaxletters.core.types import Batch, Counts, TrainState, Tree, Variables
from jaxletters.evaluation import losses, metrics
from jaxletters.models.params import stop_frozen_gradients
from jaxletters.runtime import sharding, xla
from jaxletters.runtime.programs import Program
from jaxletters.training import augment, packing, sampling
from jaxletters.training.device_examples import Examples
from jaxletters.training.host_examples import HostExamples
from jaxletters.training.packing import Packed
from jaxletters.training.task import Task


def create_state(task: Task, variables: Variables | None = None) -> TrainState:
    """Returns the state before the first step; arguments as for `init_state`, which compiles it."""
    if variables is None:
        variables = task.model.init(rng.key(task.seed, rng.Stream.INIT))
    return TrainState(
        step=jnp.int32(0),
        variables=variables,
        ema=variables if task.ema_decay else None,
        opt_state=task.optimizer.init(variables.params),
        skipped=jnp.int32(0),
        in_a_row=jnp.int32(0),
        halvings=jnp.int32(0),
    )


@functools.cache
def _initialise() -> Callable[[Task, Variables | None], TrainState]:
    """Returns the compiled program of `init_state`; a function, because it asks for the backend."""
    return jax.jit(create_state, static_argnums=0, compiler_options=xla.one_time_options())


def init_state(task: Task, initial: Variables | None = None) -> TrainState:
    """Returns the state before the first step, replicated on every device.

    Args:
        task: the static part of training.
        initial: the initial weights; None to draw them.
    """
    state = _initialise()(task, initial)
    # The average starts as a copy of the variables, because both are donated to the step.
    return sharding.replicate(jax.tree.map(jnp.copy, state), task.mesh)


def copy(task: Task, state: TrainState, counts: Counts) -> tuple[TrainState, Counts]:
    """Returns copies, on every device, that can be donated in place of the originals."""
    on_host = jax.tree.map(np.array, (state, counts))
    return sharding.replicate(on_host, task.mesh)


def eval_variables(state: TrainState) -> Variables:
    """Returns the variables to evaluate, keep and export: their moving average, if there is one."""
    return state.variables if state.ema is None else state.ema


def batch_at(task: Task, examples: Examples, step: jax.Array) -> Batch:
    """Returns the augmented batch of one step, a pure function of (seed, step), sharded over the mesh."""
    indices = sampling.batch_indices(task.seed, step, task.batch_size, len(examples.labels))
    # Every device computes all indices: sharded, each turn of their loops would need a message.
    indices = sharding.constrain_replicated(indices, task.mesh)
    indices = sharding.constrain_sharded(indices, task.mesh)
    return _augmented(task, *examples.take(indices), step)


def _augmented(task: Task, images: jax.Array, labels: jax.Array, step: jax.Array) -> Batch:
    key = rng.key(task.seed, rng.Stream.AUGMENT, step)
    images = images.astype(jnp.float32) / 255
    return Batch(*augment.augment(key, images, labels, task.augment))


def _update_ema(
    ema: Variables | None, variables: Variables, step: jax.Array, decay: float
) -> Variables | None:
    """Returns the moving average after a step; the decay is lower in the first steps.

    BatchNorm's statistics are averaged with the weights: the current statistics cover about ten batches,
    and their noise would degrade the averaged network.
    """
    if ema is None:
        return None
    # (1 + t) / (10 + t) is the ramp of TensorFlow's ExponentialMovingAverage with `num_updates`.
    ramp = (1 + step.astype(jnp.float32)) / (10 + step.astype(jnp.float32))
    new_share = 1 - jnp.minimum(decay, ramp)

    def average(mean: jax.Array, new: jax.Array) -> jax.Array:
        # In this form the average of a constant, such as a frozen layer, equals it bit for bit.
        return mean + new_share * (new - mean)

    return jax.tree.map(average, ema, variables)


def update(task: Task, state: TrainState, batch: Batch) -> tuple[TrainState, Counts]:
    """Returns the state after one training step, and the counts of its batch.

    If the loss or the gradient is not finite, the step is skipped: only `step`, `skipped` and `in_a_row`
    change, and the batch is not counted. After `task.max_skips` consecutive skips nothing changes.
    """
    key = rng.key(task.seed, rng.Stream.DROPOUT, state.step)

    def objective(params: Tree) -> tuple[jax.Array, tuple[jax.Array, Tree]]:
        variables = state.variables._replace(params=stop_frozen_gradients(params, task.trainable))
        logits, batch_stats = task.model.apply(variables, batch.images, train=True, key=key)
        adjusted = logits + jnp.asarray(task.prior) if task.prior else logits
        with task.loss.import_context():
            loss = task.loss.per_example(adjusted, batch.labels)
            penalty = task.loss.penalty(variables.params)
        if isinstance(task.loss, Distillation) and batch.teacher_logits is not None:
            loss = losses.distillation(loss, logits, batch.teacher_logits, task.loss)
        return jnp.mean(loss) + penalty, (logits, batch_stats)

    (loss, (logits, batch_stats)), gradient = jax.value_and_grad(objective, has_aux=True)(
        state.variables.params
    )
    updates, opt_state = task.optimizer.update(gradient, state.opt_state, state.variables.params)
    # Equivalent to halving the learning rate of any optimizer; exact, because it is a power of two.
    scale = jnp.ldexp(jnp.float32(1), -state.halvings)
    updates = optax.tree.scale(scale, updates)
    variables = Variables(optax.apply_updates(state.variables.params, updates), batch_stats)
    # False after `max_skips` consecutive skips; then nothing changes any more.
    running = state.in_a_row < task.max_skips
    updated = TrainState(
        step=state.step + 1,
        variables=variables,
        ema=_update_ema(state.ema, variables, state.step, task.ema_decay),
        opt_state=opt_state,
        skipped=state.skipped,
        in_a_row=jnp.zeros_like(state.in_a_row),
        halvings=state.halvings,
    )
    not_updated = state._replace(
        step=state.step + running,
        skipped=state.skipped + running,
        in_a_row=state.in_a_row + running,
    )
    accepted = running & jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(packing.pack(gradient)))

    def where_accepted(new: Tree, otherwise: Tree) -> Tree:
        return jax.tree.map(functools.partial(jnp.where, accepted), new, otherwise)

    new_state = where_accepted(updated, not_updated)
    counts = where_accepted(metrics.count(logits, batch.labels), metrics.zero())
    return new_state, counts


def _step(
    task: Task,
    state: TrainState,
    counts: Counts,
    examples: Examples,
    teacher: Variables | None,
) -> tuple[TrainState, Counts]:
    return _updated(task, state, counts, batch_at(task, examples, state.step), teacher)


def _step_with(
    task: Task,
    state: TrainState,
    counts: Counts,
    images: jax.Array,
    labels: jax.Array,
    teacher: Variables | None,
) -> tuple[TrainState, Counts]:
    """Takes a step with a batch that the host has gathered."""
    images, labels = sharding.constrain_sharded((images, labels), task.mesh)
    return _updated(task, state, counts, _augmented(task, images, labels, state.step), teacher)


def _updated(
    task: Task, state: TrainState, counts: Counts, batch: Batch, teacher: Variables | None
) -> tuple[TrainState, Counts]:
    if task.teacher:
        logits, _ = task.teacher.apply(teacher, batch.images, train=False)
        batch = batch._replace(teacher_logits=logits)
    new_state, new_counts = update(task, state, batch)
    result = new_state, metrics.merge(counts, new_counts)
    return sharding.constrain_replicated(result, task.mesh)


def loop(
    task: Task,
    state: TrainState,
    counts: Counts,
    examples: Examples,
    stop: jax.Array,
    teacher: Variables | None = None,
) -> tuple[TrainState, Counts]:
    """Repeats the step on the device; arguments and result as for `run_until`.

    The weights of the teacher are an argument, because constants would be compiled into the program.
    """
    unpack = packing.unpacking((state, counts))

    def is_running(packed: Packed) -> jax.Array:
        state, _ = unpack(packed)
        return (state.step < stop) & (state.in_a_row < task.max_skips)

    def step(packed: Packed) -> Packed:
        return packing.pack(_step(task, *unpack(packed), examples, teacher))

    return unpack(jax.lax.while_loop(is_running, step, packing.pack((state, counts))))


# The results of the two differ in the last bits.
_LOOP = Program(loop, static_argnums=(0,), donate_argnums=(1, 2))
_STEP = Program(_step, static_argnums=(0,), donate_argnums=(1, 2))
_STEP_WITH = Program(_step_with, static_argnums=(0,), donate_argnums=(1, 2))


def run_until(
    task: Task,
    state: TrainState,
    counts: Counts,
    examples: Examples | HostExamples,
    stop: int,
    teacher: Variables | None = None,
) -> tuple[TrainState, Counts]:
    """Trains from `state.step` to `stop`; the result does not depend on the number of calls.

    Args:
        task: the static part of training.
        state: the initial state; its memory is donated, so it must not be used again.
        counts: the counts so far; donated too.
        examples: the training examples, on the devices of `task.mesh` or on the host.
        stop: the last step; another value does not compile the program again.
        teacher: the weights of `task.teacher`, on the devices.

    Returns:
        the state at `stop`, or after `task.max_skips` consecutive skipped steps, and `counts` with the
        examples of these steps added.
    """
    if isinstance(examples, HostExamples):
        for gathered in examples.batches(int(state.step), stop):
            batch = sharding.replicate(gathered, task.mesh)
            images, labels = cast(tuple[jax.Array, jax.Array], batch)
            state, counts = _STEP_WITH(task, state, counts, images, labels, teacher)
        return state, counts
    if xla.loops_on_device():
        return _LOOP(task, state, counts, examples, jnp.int32(stop), teacher)
    for _ in range(int(state.step), stop):
        state, counts = _STEP(task, state, counts, examples, teacher)
    return state, counts

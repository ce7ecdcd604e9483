"""The compiled programs of training: initialise, train until a step."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jaxletters.config.slots import Augmentation, Loss
from jaxletters.core import rng
from jaxletters.core.types import Batch, Counts, Examples, Model, TrainState, Tree, Variables
from jaxletters.evaluation import metrics
from jaxletters.models.params import stop_frozen_gradients
from jaxletters.runtime import sharding, xla
from jaxletters.training import augment, sampling


class Task(NamedTuple):
    """What is trained and how: everything but the numbers. Hashable, so a static argument of jit.

    Attributes:
        model: the network.
        optimizer: the Optax transformation.
        loss: what is minimised.
        augment: random changes of the images.
        seed: of everything random.
        batch_size: examples per step, over all devices of `mesh`.
        ema_decay: of the moving average of the variables; 0 for none.
        mesh: the devices, along one axis named "data".
        trainable: a regular expression over the paths of parameters, as in `transfer.trainable`.
        prior: what is added to each class's logit in training, as in `losses.prior`; () for nothing.
        max_skips: after so many skipped steps in a row no further step is taken.
    """

    model: Model
    optimizer: optax.GradientTransformation
    loss: Loss
    augment: Augmentation | tuple[Augmentation, ...]
    seed: int
    batch_size: int
    ema_decay: float
    mesh: Mesh
    trainable: str = ".*"
    prior: tuple[float, ...] = ()
    max_skips: int = 10


def init_state(task: Task, initial: Variables | None = None) -> TrainState:
    """Returns the state before the first step, a copy on every device.

    Args:
        task: what is trained.
        initial: the weights to begin with; None to draw them.
    """

    def create(given: Variables | None) -> TrainState:
        variables = given
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

    state = jax.jit(create, compiler_options=xla.one_time_options())(initial)
    # The average starts as the variables themselves: a copy, because both are donated to the step.
    return sharding.replicate(jax.tree.map(jnp.copy, state), task.mesh)


def eval_variables(state: TrainState) -> Variables:
    """Returns what is evaluated, kept and exported: the averages where there are any."""
    return state.variables if state.ema is None else state.ema


def batch_at(task: Task, examples: Examples, step: jax.Array) -> Batch:
    """Returns the augmented batch of one step, a pure function of (seed, step), split over the mesh."""
    indices = sampling.batch_indices(task.seed, step, task.batch_size, len(examples.labels))
    indices = sharding.constrain_sharded(indices, task.mesh)
    images = examples.images[indices].astype(jnp.float32) / 255
    images = augment.augment(rng.key(task.seed, rng.Stream.AUGMENT, step), images, task.augment)
    return Batch(images, examples.labels[indices])


def _averaged(
    ema: Variables | None, now: Variables, step: jax.Array, decay: float
) -> Variables | None:
    """The moving average after a step; it follows faster at first, when it knows little.

    BatchNorm's statistics are averaged like the weights that they belong to. Those of the newest weights
    come from some ten batches, so an average network evaluated with them errs by their noise.
    """
    if ema is None:
        return None
    # (1 + t) / (10 + t) is the ramp of TensorFlow's ExponentialMovingAverage with `num_updates`.
    ramp = (1 + step.astype(jnp.float32)) / (10 + step.astype(jnp.float32))
    share = 1 - jnp.minimum(decay, ramp)
    # Written so that what does not change, such as a frozen layer, keeps every bit.
    return jax.tree.map(lambda mean, new: mean + share * (new - mean), ema, now)


def update(task: Task, state: TrainState, batch: Batch) -> tuple[TrainState, Counts]:
    """Takes one step of gradient descent.

    A step whose loss or gradient is not finite changes nothing but `step`, `skipped` and `in_a_row`, and its
    examples are not counted. After `task.max_skips` of them in a row, nothing changes any more.
    """
    key = rng.key(task.seed, rng.Stream.DROPOUT, state.step)

    def objective(params: Tree) -> tuple[jax.Array, tuple[jax.Array, Tree]]:
        variables = state.variables._replace(params=stop_frozen_gradients(params, task.trainable))
        logits, batch_stats = task.model.apply(variables, batch.images, train=True, key=key)
        learned = logits + jnp.asarray(task.prior) if task.prior else logits
        with task.loss.import_context():
            each = task.loss.per_example(learned, batch.labels)
            penalty = task.loss.penalty(variables.params)
        return jnp.mean(each) + penalty, (logits, batch_stats)

    (loss, (logits, batch_stats)), gradient = jax.value_and_grad(objective, has_aux=True)(
        state.variables.params
    )
    updates, opt_state = task.optimizer.update(gradient, state.opt_state, state.variables.params)
    # As if the learning rate were halved, whatever the optimizer; a power of two, so it is exact.
    share = jnp.ldexp(jnp.float32(1), -state.halvings)
    updates = jax.tree.map(lambda update: share * update, updates)
    variables = Variables(optax.apply_updates(state.variables.params, updates), batch_stats)
    going = state.in_a_row < task.max_skips
    taken = TrainState(
        step=state.step + 1,
        variables=variables,
        ema=_averaged(state.ema, variables, state.step, task.ema_decay),
        opt_state=opt_state,
        skipped=state.skipped,
        in_a_row=jnp.zeros_like(state.in_a_row),
        halvings=state.halvings,
    )
    not_taken = state._replace(
        step=state.step + going, skipped=state.skipped + going, in_a_row=state.in_a_row + going
    )
    finite = going & jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
    choose = functools.partial(jax.tree.map, functools.partial(jnp.where, finite))
    return (
        choose(taken, not_taken),
        choose(metrics.count(logits, batch.labels), metrics.zero()),
    )


def _step(
    task: Task, state: TrainState, counts: Counts, examples: Examples
) -> tuple[TrainState, Counts]:
    new_state, new_counts = update(task, state, batch_at(task, examples, state.step))
    result = new_state, metrics.merge(counts, new_counts)
    return sharding.constrain_replicated(result, task.mesh)


@functools.cache
def _program(looping: bool):  # noqa: ANN202, a jitted function's type is private to JAX
    """The one compiled training program of this process; its bits depend on which of the two it is."""
    jit = functools.partial(
        jax.jit,
        static_argnums=0,
        donate_argnums=(1, 2),
        compiler_options=xla.compiler_options(),
    )
    if not looping:
        return jit(_step)

    def loop(
        task: Task, state: TrainState, counts: Counts, examples: Examples, stop: jax.Array
    ) -> tuple[TrainState, Counts]:
        return jax.lax.while_loop(
            lambda carry: (carry[0].step < stop) & (carry[0].in_a_row < task.max_skips),
            lambda carry: _step(task, *carry, examples),
            (state, counts),
        )

    return jit(loop)


def run_until(
    task: Task, state: TrainState, counts: Counts, examples: Examples, stop: int
) -> tuple[TrainState, Counts]:
    """Trains from `state.step` to `stop`, in as many or as few calls as one likes: the bits are equal.

    Args:
        task: what is trained.
        state: where to start; its memory is reused, so it must not be read again.
        counts: what was counted before; likewise.
        examples: the training examples, on the devices of `task.mesh`.
        stop: the step to stop at; may change from call to call without compiling again.

    Returns:
        the state at `stop`, or where `task.max_skips` steps in a row were not finite, and `counts` with
        the examples of these steps added.
    """
    if xla.loops_on_device():
        return _program(True)(task, state, counts, examples, jnp.int32(stop))
    for _ in range(int(state.step), stop):
        state, counts = _program(False)(task, state, counts, examples)
    return state, counts

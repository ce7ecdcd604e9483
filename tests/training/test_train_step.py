import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.models import MLPConfig
from jaxletters.config.training import Distillation, LossConfig, OptimizerConfig
from jaxletters.core.types import Batch
from jaxletters.evaluation import inference, metrics
from jaxletters.models import networks
from jaxletters.runtime import sharding
from jaxletters.training import train_step

pytestmark = pytest.mark.slow

# Plain gradient descent on the smallest network: what a step does can be said in closed form.
LINEAR = MLPConfig(hidden=())
DESCENT = OptimizerConfig("sgd", learning_rate=0.1)


@pytest.fixture(scope="module")
def task():
    return tiny.task()


@pytest.fixture(scope="module")
def examples():
    return tiny.examples()


@pytest.fixture(scope="module")
def start(task):
    """The state before the first step, on the host."""
    return tiny.on_host(train_step.init_state(task))


def run(task, examples, start, *stops, teacher=None):
    """Trains from `start` to each stop in turn; returns state and counts, on the host."""
    state, counts = sharding.replicate((start, metrics.zero()), task.mesh)
    for stop in stops:
        state, counts = train_step.run_until(task, state, counts, examples, stop, teacher)
    return tiny.on_host((state, counts))


def batch(n=8, seed=0):
    images, labels = tiny.arrays(n, seed)
    return Batch(np.float32(images) / 255, labels)


def test_the_state_before_the_first_step(task, start):
    assert (start.step, start.skipped) == (0, 0)
    tiny.assert_same_bits(start.ema, start.variables)
    tiny.assert_same_bits(tiny.on_host(train_step.init_state(task)), start)
    other = tiny.on_host(train_step.init_state(tiny.task(seed=4)))
    assert not np.array_equal(
        other.variables.params["logits"]["kernel"], start.variables.params["logits"]["kernel"]
    )
    assert train_step.init_state(tiny.task(ema_decay=0.0)).ema is None


def test_what_is_evaluated_is_the_average_where_there_is_one(start):
    other = jax.tree.map(lambda leaf: leaf + 1, start.variables)
    assert train_step.eval_variables(start._replace(ema=other)) is other
    assert train_step.eval_variables(start._replace(ema=None)) is start.variables


def test_a_run_in_pieces_ends_with_the_same_bits(task, examples, start):
    whole = run(task, examples, start, 20)
    assert whole[0].step == 20
    assert whole[1].examples == 20 * task.batch_size
    tiny.assert_same_bits(run(task, examples, start, 7, 9, 20), whole)
    tiny.assert_same_bits(run(task, examples, start, *range(1, 21)), whole)


def test_a_run_continued_from_host_memory_ends_with_the_same_bits(task, examples, start):
    middle, counts = run(task, examples, start, 9)
    state, counts = sharding.replicate((middle, counts), task.mesh)
    continued = tiny.on_host(train_step.run_until(task, state, counts, examples, 20))
    tiny.assert_same_bits(continued, run(task, examples, start, 20))


def test_stopping_where_one_is_does_nothing(task, examples, start):
    state, counts = run(task, examples, start, 0)
    tiny.assert_same_bits(state, start)
    assert counts.examples == 0


def test_the_loop_of_accelerators_computes_the_same_steps(task, examples, start):
    looping = jax.jit(train_step.loop, static_argnums=0)
    arguments = sharding.replicate((start, metrics.zero()), task.mesh)
    state, counts = tiny.on_host(looping(task, *arguments, examples, jnp.int32(6)))
    expected_state, expected_counts = run(task, examples, start, 6)
    assert state.step == 6
    assert (counts.examples, counts.correct) == (
        expected_counts.examples,
        expected_counts.correct,
    )
    # Not the same bits: XLA fuses a loop's body differently. Adam divides by the root of the mean
    # square, so where a gradient is nearly zero its rounding errors are blown up.
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4),
        state.variables,
        expected_state.variables,
    )
    np.testing.assert_allclose(counts.loss, expected_counts.loss, rtol=1e-4)


def test_a_teacher_predicts_the_images_that_the_student_sees(task, examples, start):
    network = networks.build(MLPConfig(hidden=(4,)), tiny.CLASSES, tiny.SHAPE)
    teacher = sharding.replicate(tiny.variables(network), task.mesh)
    student = task._replace(loss=Distillation(temperature=2.0, share=0.6), teacher=network)
    state = start
    for step in range(3):
        seen = tiny.batch_at(student, examples, jnp.int32(step))
        logits = tiny.apply(network, teacher, seen.images, False)[0]
        state, _ = tiny.update(student, state, seen._replace(teacher_logits=logits))
    found, _ = run(student, examples, start, 3, teacher=teacher)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
    jax.tree.map(close, found.variables, tiny.on_host(state.variables))
    looping = jax.jit(train_step.loop, static_argnums=0)
    arguments = sharding.replicate((start, metrics.zero()), task.mesh)
    looped, _ = looping(student, *arguments, examples, jnp.int32(3), teacher)
    jax.tree.map(close, tiny.on_host(looped.variables), found.variables)
    without, _ = run(task, examples, start, 3)
    kernels = [s.variables.params["logits"]["kernel"] for s in (found, without)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3


def test_training_learns(task, examples, start):
    variables = train_step.eval_variables(run(task, examples, start, 300)[0])
    images, labels = tiny.arrays()
    before = inference.logits(task.model, start.variables, images, task.mesh, 21)
    after = inference.logits(task.model, variables, images, task.mesh, 21)
    assert metrics.evaluate(after, labels)["loss"] < metrics.evaluate(before, labels)["loss"] * 0.7


def test_the_average_follows_weights_and_statistics_by_its_formula(task, examples, start):
    trail = [start.variables]
    state = start
    for step in range(1, 16):
        state, _ = run(task, examples, state, step)
        trail.append(state.variables)
    expected = jax.tree.map(np.float64, trail[0])
    for t, now in enumerate(trail[1:]):
        decay = min(task.ema_decay, (1 + t) / (10 + t))
        expected = jax.tree.map(lambda e, p, d=decay: d * e + (1 - d) * p, expected, now)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), state.ema, expected
    )


def test_the_callers_copy_of_the_best_weights_outlives_the_memory_of_the_state(
    task, examples, start
):
    state, counts = sharding.replicate((start, metrics.zero()), task.mesh)
    best = jax.tree.map(jnp.copy, train_step.eval_variables(state))
    train_step.run_until(task, state, counts, examples, 3)
    tiny.assert_same_bits(tiny.on_host(best), train_step.eval_variables(start))


def test_the_batch_of_a_step_holds_the_examples_of_that_step(task, examples):
    plain = task._replace(augment=AugmentConfig())
    images, labels = tiny.arrays()
    seen = []
    for step in range(8):
        found = tiny.batch_at(plain, examples, jnp.int32(step))
        shown = np.rint(np.asarray(found.images) * 255)
        indices = [np.flatnonzero((images == image).all((1, 2)))[0] for image in shown]
        np.testing.assert_array_equal(found.labels, labels[indices])
        seen += indices
        assert found.images.dtype == jnp.float32
    # Eight batches of eight are three epochs of 21 and one example more.
    np.testing.assert_array_equal(np.bincount(seen[:63]), np.full(21, 3))
    moved = tiny.batch_at(task, examples, jnp.int32(0))
    np.testing.assert_array_equal(moved.labels, tiny.batch_at(plain, examples, jnp.int32(0)).labels)
    assert not np.allclose(moved.images, tiny.batch_at(plain, examples, jnp.int32(0)).images)


def uncounted(state):
    """A state as it was before steps were counted, or skipped."""
    zero = np.int32(0)
    return state._replace(step=zero, skipped=zero, in_a_row=zero)


@pytest.mark.parametrize("poison", ["nan", "inf", "-inf"])
def test_a_batch_that_is_not_finite_changes_nothing(task, start, poison):
    spoiled = batch()
    spoiled.images[3, 2, 1] = float(poison)
    state, counts = tiny.on_host(tiny.update(task, start, spoiled))
    assert (state.step, state.skipped) == (1, 1)
    tiny.assert_same_bits(uncounted(state), start)
    assert jax.tree.leaves(counts) == [0, 0, 0]


def test_a_loss_that_is_not_finite_changes_nothing(task, start):
    params = jax.tree.map(np.copy, start.variables.params)
    params["logits"]["kernel"][0, 0] = np.nan
    start = start._replace(variables=start.variables._replace(params=params))
    state, counts = tiny.on_host(tiny.update(task, start, batch()))
    tiny.assert_same_bits(uncounted(state), start)
    assert jax.tree.leaves(counts) == [0, 0, 0]


def test_a_gradient_that_is_not_finite_changes_nothing():
    # The loss is finite, its gradient is too large for a float32.
    task = tiny.task(LINEAR, DESCENT, ema_decay=0.0)
    start = tiny.on_host(train_step.init_state(task))
    huge = Batch(np.full((8, *tiny.SHAPE), 1e20, np.float32), np.zeros(8, np.int32))
    params = jax.tree.map(np.zeros_like, start.variables.params)
    start = start._replace(variables=start.variables._replace(params=params))
    state, counts = tiny.on_host(tiny.update(task, start, huge))
    assert (state.skipped, counts.examples) == (1, 0)
    tiny.assert_same_bits(state.variables, start.variables)


def test_after_too_many_skipped_steps_in_a_row_nothing_changes_any_more(task, start):
    task = task._replace(max_skips=2)
    spoiled = batch()
    spoiled.images[0, 0, 0] = np.nan
    state, counts = start, None
    for images in (spoiled, batch(), spoiled, spoiled):
        state, counts = tiny.on_host(tiny.update(task, state, images))
    assert (state.step, state.skipped, state.in_a_row) == (4, 3, 2)
    after, counts = tiny.on_host(tiny.update(task, state, batch()))
    tiny.assert_same_bits(after, state)
    assert jax.tree.leaves(counts) == [0, 0, 0]


@pytest.mark.parametrize("halvings", [1, 3])
def test_a_halved_learning_rate_halves_the_step(halvings):
    task = tiny.task(LINEAR, DESCENT, ema_decay=0.0)
    start = tiny.on_host(train_step.init_state(task))
    whole, _ = tiny.on_host(tiny.update(task, start, batch()))
    reduced = start._replace(halvings=np.int32(halvings))
    part, _ = tiny.on_host(tiny.update(task, reduced, batch()))
    assert part.halvings == halvings
    for a, b, c in zip(
        *(jax.tree.leaves(s.variables.params) for s in (start, whole, part)), strict=True
    ):
        np.testing.assert_allclose(c - a, (b - a) / 2**halvings, rtol=1e-3, atol=1e-7)
        assert not np.array_equal(a, b)


def test_after_a_skipped_step_training_goes_on(task, start):
    spoiled = batch()
    spoiled.images[0, 0, 0] = np.nan
    state, _ = tiny.update(task, start, spoiled)
    state, counts = tiny.on_host(tiny.update(task, state, batch()))
    assert (state.step, state.skipped, counts.examples) == (2, 1, 8)
    assert not np.array_equal(
        state.variables.params["logits"]["kernel"], start.variables.params["logits"]["kernel"]
    )


def test_a_step_by_hand():
    loss = LossConfig(label_smoothing=0.2, l1=0.03, l2=0.05)
    task = tiny.task(LINEAR, DESCENT, loss, ema_decay=0.0)
    start = tiny.on_host(train_step.init_state(task))
    images, labels, _ = batch()
    state, counts = tiny.on_host(tiny.update(task, start, Batch(images, labels)))
    before = jax.tree.map(np.float64, start.variables.params["logits"])
    x = np.float64(images.reshape(8, -1))
    logits = x @ before["kernel"] + before["bias"]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = 0.8 * np.eye(tiny.CLASSES)[labels] + 0.2 / tiny.CLASSES
    slope = (probabilities - targets) / 8
    # Penalties pull at kernels only.
    kernel = x.T @ slope + 0.03 * np.sign(before["kernel"]) + 2 * 0.05 * before["kernel"]
    after = state.variables.params["logits"]
    np.testing.assert_allclose(after["kernel"], before["kernel"] - 0.1 * kernel, atol=1e-6)
    np.testing.assert_allclose(after["bias"], before["bias"] - 0.1 * slope.sum(0), atol=1e-6)
    # What is reported is the plain cross-entropy, which runs of other penalties share.
    plain = -np.log(probabilities[np.arange(8), labels]).sum()
    np.testing.assert_allclose(counts.loss, plain, rtol=1e-5)
    assert (counts.examples, counts.correct) == (8, np.sum(logits.argmax(1) == labels))


def test_dropout_differs_from_step_to_step_and_not_between_runs(task, start):
    still = task._replace(augment=AugmentConfig())
    later = start._replace(step=np.int32(1))
    first, again, other = (
        tiny.on_host(tiny.update(still, state, batch()))[1].loss for state in (start, start, later)
    )
    assert first == again != other

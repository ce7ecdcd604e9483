import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from jaxletters.config.training import OPTIMIZERS, SCHEDULES, OptimizerConfig, ScheduleConfig
from jaxletters.runtime import xla
from jaxletters.training import optimizers

TOTAL = 100
PEAK = 0.4


def rates(config, total_steps=TOTAL, peak=PEAK):
    rate = optimizers.schedule(peak, config, total_steps)
    steps = jnp.arange(total_steps + 1)
    # With the package's options: the last bits of a rate are compared with its bounds.
    compiled = jax.jit(
        jax.vmap(lambda step: jnp.float32(rate(step))), compiler_options=xla.one_time_options()
    )
    return np.asarray(compiled(steps))


def expected_rate(step, config, total):
    """The rate by its formula, in double precision."""
    warmup = round(config.warmup * total)
    if step < warmup:
        return PEAK * step / warmup
    progress = (step - warmup) / max(total - warmup, 1)
    passed = sum(step >= round(m * total) for m in config.milestones)
    return (
        PEAK
        * {
            "constant": 1,
            "cosine": (1 + np.cos(np.pi * progress)) / 2,
            "one_cycle": 1 - progress,
            "step": config.factor**passed,
        }[config.name]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_the_rate_follows_its_formula_at_every_step(name, warmup):
    config = ScheduleConfig(name, warmup, milestones=(0.3, 0.75), factor=0.5)
    expected = [expected_rate(step, config, TOTAL) for step in range(TOTAL + 1)]
    # Optax computes in float32, where a cosine near its zero has few digits left.
    np.testing.assert_allclose(rates(config), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "at"),
    [
        (ScheduleConfig("constant"), {0: PEAK, TOTAL: PEAK}),
        (ScheduleConfig("constant", warmup=0.1), {0: 0, 5: PEAK / 2, 10: PEAK, TOTAL: PEAK}),
        (ScheduleConfig("cosine", warmup=0.1), {0: 0, 10: PEAK, 55: PEAK / 2, TOTAL: 0}),
        (ScheduleConfig("one_cycle", warmup=0.2), {0: 0, 20: PEAK, 60: PEAK / 2, TOTAL: 0}),
        (ScheduleConfig("step"), {0: PEAK, 49: PEAK, 50: PEAK / 10, 74: PEAK / 10, 75: PEAK / 100}),
    ],
    ids=lambda value: value.name if isinstance(value, ScheduleConfig) else "",
)
def test_the_rate_at_its_breakpoints(config, at):
    found = rates(config)
    for step, value in at.items():
        np.testing.assert_allclose(found[step], value, rtol=1e-5, atol=1e-7)


def test_milestones_that_fall_on_one_step_of_a_short_run_all_count():
    config = ScheduleConfig("step", milestones=(0.5, 0.75), factor=0.1)
    np.testing.assert_allclose(rates(config, total_steps=3), PEAK * np.array([1, 1, 0.01, 0.01]))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_runs_have_finite_rates(name, total):
    for warmup in (0.0, 0.5, 0.999999):
        found = rates(ScheduleConfig(name, warmup), total)
        assert np.all((found >= 0) & (found <= np.float32(PEAK)))


TARGET = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([0.3, -0.7])}


@functools.partial(tiny.quick_jit, static_argnums=(0, 1))
def minimised(optimizer, steps):
    """The values of a quadratic on the way down, from zero."""
    start = jax.tree.map(jnp.zeros_like, TARGET)

    def value(params):
        return sum(
            jnp.sum((a - b) ** 2)
            for a, b in zip(*map(jax.tree.leaves, (params, TARGET)), strict=True)
        )

    def step(carry, _):
        params, state = carry
        loss, gradient = jax.value_and_grad(value)(params)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), loss

    _, losses = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
    return losses


@pytest.mark.slow
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_with_every_schedule_goes_downhill(name, schedule):
    # Adam's steps are as long as its rate while the gradient keeps its sign, five times what they
    # usually are and Muon's always.
    rate = 0.25 if name == "muon" else 0.05
    config = OptimizerConfig(name, rate, schedule=ScheduleConfig(schedule, warmup=0.1))
    losses = minimised(optimizers.build(config, TOTAL), TOTAL)
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0] / 4


def network_params(seed=0):
    rng = np.random.default_rng(seed)
    normal = lambda *shape: jnp.asarray(rng.standard_normal(shape), jnp.float32)  # noqa: E731
    return {
        "conv": {"kernel": normal(3, 3, 1, 2), "bias": normal(2)},
        "norm": {"scale": normal(2), "bias": normal(2)},
        "logits": {"kernel": normal(2, 3), "bias": normal(3)},
    }


def one_update(config, gradient, params):
    optimizer = optimizers.build(config, TOTAL)

    @tiny.quick_jit
    def update(gradient, params):
        return optimizer.update(gradient, optimizer.init(params), params)[0]

    return update(gradient, params)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_weight_decay_moves_kernels_and_nothing_else(name):
    params = network_params()
    zero = jax.tree.map(jnp.zeros_like, params)
    config = OptimizerConfig(name, learning_rate=0.1, weight_decay=0.01)
    updates = one_update(config, zero, params)
    for path, update in jax.tree_util.tree_leaves_with_path(updates):
        _, leaf = (entry.key for entry in path)
        expected = -0.1 * 0.01 * params[path[0].key][leaf] if leaf == "kernel" else 0
        np.testing.assert_allclose(update, expected * np.ones_like(update), rtol=1e-6)


@pytest.mark.slow
def test_adamw_is_optax_s_with_a_mask():
    config = OptimizerConfig(
        "adamw", 0.01, weight_decay=0.1, schedule=ScheduleConfig("cosine", warmup=0.1)
    )
    rate = optimizers.schedule(config.learning_rate, config.schedule, TOTAL)
    mask = {
        "conv": {"kernel": True, "bias": False},
        "norm": {"scale": False, "bias": False},
        "logits": {"kernel": True, "bias": False},
    }
    ours, theirs = optimizers.build(config, TOTAL), optax.adamw(rate, weight_decay=0.1, mask=mask)
    params = [network_params()] * 2
    states = [o.init(params[0]) for o in (ours, theirs)]
    for seed in range(1, 6):
        for i, optimizer in enumerate((ours, theirs)):
            updates, states[i] = optimizer.update(network_params(seed), states[i], params[i])
            params[i] = optax.apply_updates(params[i], updates)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), *params)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("limit", [0.1, 10.0])
def test_clipping_shortens_long_gradients_and_leaves_short_ones(scale, limit):
    gradient = jax.tree.map(lambda leaf: scale * leaf, network_params())
    config = OptimizerConfig("sgd", learning_rate=0.5, clip_norm=limit)
    updates = one_update(config, gradient, network_params())
    norm = float(optax.tree.norm(gradient))
    factor = -0.5 * min(1, limit / norm)
    jax.tree.map(
        lambda u, g: np.testing.assert_allclose(u, factor * g, rtol=1e-5), updates, gradient
    )


@pytest.mark.parametrize(
    ("name", "second"),
    [("sgd", 1.0), ("momentum", 1.9), ("nesterov", 1 + 0.9 * 1.9)],
)
def test_momentum_by_hand(name, second):
    optimizer = optimizers.build(OptimizerConfig(name, learning_rate=0.1, momentum=0.9), TOTAL)
    params = {"kernel": jnp.ones(1)}
    gradient = {"kernel": jnp.ones(1)}
    state = optimizer.init(params)
    _, state = optimizer.update(gradient, state, params)
    updates, _ = optimizer.update(gradient, state, params)
    np.testing.assert_allclose(updates["kernel"], [-0.1 * second], rtol=1e-6)


def test_rmsprop_by_keras_formula():
    config = OptimizerConfig("rmsprop", learning_rate=0.1)
    updates = one_update(config, {"kernel": jnp.full(1, 2.0)}, {"kernel": jnp.ones(1)})
    # The moving average of squares starts at zero and takes a tenth of each square.
    np.testing.assert_allclose(updates["kernel"], [-0.1 * 2 / np.sqrt(0.1 * 4)], rtol=1e-5)


@pytest.mark.slow
def test_muon_turns_kernels_and_leaves_all_else_to_adam():
    params, gradient = network_params(), network_params(1)
    muon, adam = (optimizers.build(OptimizerConfig(name, 0.1), TOTAL) for name in ("muon", "adam"))
    found, expected = (o.update(gradient, o.init(params), params)[0] for o in (muon, adam))
    for layer, name in (("norm", "scale"), ("norm", "bias"), ("conv", "bias"), ("logits", "bias")):
        np.testing.assert_allclose(found[layer][name], expected[layer][name], rtol=1e-6)
    for layer in ("conv", "logits"):
        kernel = gradient[layer]["kernel"]
        matrix = np.float64(found[layer]["kernel"]).reshape(-1, kernel.shape[-1])
        # Its singular vectors are the gradient's; its singular values are about one, times Adam's
        # usual length of a step, and the learning rate.
        u, _, v = np.linalg.svd(np.float64(kernel).reshape(matrix.shape), full_matrices=False)
        turned = -(u.T @ matrix @ v.T) / (0.1 * 0.2 * np.sqrt(max(matrix.shape)))
        np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=0.02)
        assert np.all((np.diag(turned) > 0.6) & (np.diag(turned) < 1.3))


def steps_of(optimizer, count):
    """Yields the parameters after each of so many updates towards 5, from 1 and 2."""
    params = {"a": jnp.array([1.0, 2.0])}
    state = optimizer.init(params)
    update = jax.jit(optimizer.update)
    for _ in range(count):
        updates, state = update({"a": params["a"] - 5}, state, params)
        params = optax.apply_updates(params, updates)
        yield np.asarray(params["a"])


@pytest.mark.parametrize("back", [0.25, 1.0])
def test_the_last_step_of_a_short_run_goes_back_a_part_of_the_way(back):
    plain = list(steps_of(optax.sgd(0.1), 3))
    returned = list(steps_of(optimizers.returning(optax.sgd(0.1), 3, back), 3))
    np.testing.assert_array_equal(returned[:2], plain[:2])
    start = np.array([1.0, 2.0])
    np.testing.assert_allclose(returned[2], start + (1 - back) * (plain[2] - start), rtol=1e-6)


@pytest.mark.parametrize("skipped", [0, 1, 5])
@pytest.mark.parametrize("back", [0.25, 1.0])
def test_a_run_with_skipped_steps_goes_back_as_far(back, skipped):
    # Steps that training skips reach no optimizer. The rate falls to 0, as the package's schedules do.
    rate = optax.piecewise_constant_schedule(0.1, {50: 0.0})
    applied = TOTAL - skipped
    plain = list(steps_of(optax.sgd(rate), applied))
    returned = list(steps_of(optimizers.returning(optax.sgd(rate), TOTAL, back), applied))
    np.testing.assert_array_equal(returned[:80], plain[:80])
    start = np.array([1.0, 2.0])
    expected = start + (1 - back) * (plain[-1] - start)
    np.testing.assert_allclose(returned[-1], expected, rtol=1e-5)

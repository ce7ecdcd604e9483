import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import tiny

from jaxletters.config.models import (
    ACTIVATIONS,
    INITIALIZERS,
    POOLINGS,
    ConvNetConfig,
    DeeperConfig,
    SimpleConvNetConfig,
)
from jaxletters.core.types import Variables
from jaxletters.models import networks

SHAPE = (8, 8)
TINY = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 5), depths=(1, 2))


def build(config, classes=5, shape=SHAPE):
    return networks.build(config, classes, shape)


def images(n=4, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).random((n, *shape), np.float32)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        # As keras.io's example and Chollet's book print them, for ten digits.
        (SimpleConvNetConfig(), 34_826),
        (ConvNetConfig(), 104_202),
        # The book's network with BatchNorm: 9 * 32 + 9 * 32 * 64 + 9 * 64 * 128 weights without a
        # bias, two numbers per channel, and 3 * 3 * 128 * 10 + 10 to the logits.
        (DeeperConfig(depths=(1, 1, 1)), 92_448 + 2 * 224 + 11_530),
        (
            DeeperConfig(
                widths=(4,), kernel_sizes=(5,), depths=(2,), batch_norm=False, hidden=(6,)
            ),
            (25 * 4 + 4) + (25 * 16 + 4) + (14 * 14 * 4 * 6 + 6) + 70,
        ),
    ],
)
def test_parameters(config, parameters):
    shapes = jax.eval_shape(build(config, 10, (28, 28)).init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes.params)) == parameters


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [SimpleConvNetConfig(widths=(2,)), ConvNetConfig(widths=(2, 3)), TINY],
    ids=lambda config: type(config).__name__,
)
def test_logits(config):
    shape = (10, 8)
    model = build(config, 5, shape)
    variables = tiny.variables(model)
    for train in (False, True):
        logits, _ = tiny.apply(model, variables, images(3, shape), train)
        assert (logits.shape, logits.dtype) == ((3, 5), jnp.float32)
        assert np.all(np.isfinite(logits))


@pytest.mark.slow
def test_a_convolution_is_scipy_s_correlation():
    model = build(ConvNetConfig(widths=(2,)), shape=(5, 5))
    params = tiny.variables(model).params
    (image,) = images(1, (5, 5))
    kernel = np.float64(params["conv1"]["kernel"])[:, :, 0]
    maps = [scipy.signal.correlate2d(image, kernel[..., i], mode="valid") for i in range(2)]
    hidden = np.maximum(np.stack(maps, -1) + params["conv1"]["bias"], 0).ravel()
    expected = hidden @ np.float64(params["logits"]["kernel"]) + params["logits"]["bias"]
    found = tiny.apply(model, Variables(params, {}), image[None], False)[0][0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes"),
    [(SimpleConvNetConfig(widths=(2,)), True), (ConvNetConfig(widths=(2,)), False)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_dropout_is_for_training_and_follows_its_key(model, changes):
    model = build(model)
    variables = tiny.variables(model)
    one, again, other = (
        tiny.apply(model, variables, images(), True, seed)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.array_equal(one, other) != changes
    still = [tiny.apply(model, variables, images(), False, seed)[0] for seed in (1, 2)]
    np.testing.assert_array_equal(*still)
    assert np.array_equal(one, still[0]) != changes


@pytest.mark.slow
def test_dropout_keeps_the_expected_logits():
    # Only the last layer follows it, which is linear: so their mean over images that are all the same
    # is the evaluated value.
    model = build(SimpleConvNetConfig(widths=(2,), dropout=0.5))
    variables = tiny.variables(model)
    batch = np.tile(images(1), (4000, 1, 1))
    dropped = tiny.apply(model, variables, batch, True)[0]
    expected = tiny.apply(model, variables, batch[:1], False)[0][0]
    error = np.std(dropped, axis=0) / np.sqrt(len(batch))
    assert np.all(np.abs(np.mean(dropped, axis=0) - expected) < 5 * error)


@pytest.mark.slow
def test_batch_norm_normalises_by_the_batch_and_remembers_a_tenth_of_it():
    config = DeeperConfig(widths=(2,), kernel_sizes=(3,), depths=(1,))
    model = build(config)
    variables = tiny.variables(model)
    batch = images(6)
    _, updated = tiny.apply(model, variables, batch, True)
    kernel = np.float64(variables.params["stage1_conv1"]["kernel"])[:, :, 0]
    for i in range(2):
        maps = [scipy.signal.correlate2d(image, kernel[..., i], mode="same") for image in batch]
        for name, statistic in (("mean", np.mean), ("var", np.var)):
            before = variables.batch_stats["stage1_norm1"][name][i]
            found = updated["stage1_norm1"][name][i]
            np.testing.assert_allclose(found, 0.9 * before + 0.1 * statistic(maps), rtol=1e-4)


@pytest.mark.slow
def test_evaluation_leaves_the_statistics_as_they_were_and_each_image_by_itself():
    model = build(TINY)
    variables = tiny.variables(model)
    logits, after = tiny.apply(model, variables, images(6), False)
    jax.tree.map(np.testing.assert_array_equal, after, variables.batch_stats)
    alone = [tiny.apply(model, variables, images(6)[i : i + 1], False)[0][0] for i in range(6)]
    np.testing.assert_allclose(logits, alone, rtol=1e-4, atol=1e-5)


# Each choice at least once, several in one network, because compiling is what takes time.
CHOICES = [
    DeeperConfig(
        widths=(2,),
        kernel_sizes=(3,),
        depths=(1,),
        activation=activation,
        initializer=INITIALIZERS[i % len(INITIALIZERS)],
        pooling=POOLINGS[i % len(POOLINGS)],
        batch_norm=i % 2 == 0,
        hidden=(4,) * (i % 3),
        dropout=0.1 * (i % 4),
    )
    for i, activation in enumerate(ACTIVATIONS)
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", CHOICES, ids=lambda c: f"{c.activation}-{c.initializer}-{c.pooling}"
)
def test_every_choice_trains(config):
    model = build(config)

    @tiny.quick_jit
    def gradient(key):
        variables = model.init(key)

        def loss(params):
            variables_then = variables._replace(params=params)
            logits, _ = model.apply(variables_then, images(), train=True, key=key)
            return jnp.sum(logits**2)

        return jax.grad(loss)(variables.params)

    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient(jax.random.key(0))):
        assert np.all(np.isfinite(leaf)), path
        # A bias before BatchNorm would get none.
        assert np.any(leaf), path


def test_every_choice_is_made_somewhere():
    assert {c.activation for c in CHOICES} == set(ACTIVATIONS)
    assert {c.initializer for c in CHOICES} == set(INITIALIZERS)
    assert {c.pooling for c in CHOICES} == set(POOLINGS)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_stage_halves_the_image(pooling):
    config = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 3), depths=(1, 1), pooling=pooling)
    shapes = jax.eval_shape(build(config, 5, (12, 8)).init, jax.random.key(0))
    assert shapes.params["logits"]["kernel"].shape == (3 * 2 * 3, 5)

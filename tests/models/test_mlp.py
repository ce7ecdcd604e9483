import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxletters.config.models import ACTIVATIONS, MLPConfig
from jaxletters.models import networks


@pytest.mark.parametrize(
    ("config", "classes", "parameters"),
    [
        # 784-512-10, as Chollet's book prints it.
        (MLPConfig(), 10, 407_050),
        (MLPConfig(hidden=(512,)), 27, 784 * 512 + 512 + 512 * 27 + 27),
        (MLPConfig(hidden=()), 10, 7_850),
        (MLPConfig(hidden=(7, 5)), 10, 784 * 7 + 7 + 7 * 5 + 5 + 5 * 10 + 10),
    ],
)
def test_parameters(config, classes, parameters):
    model = networks.build(config, classes, (28, 28))
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes.params)) == parameters


def test_the_forward_pass_is_two_products_and_a_relu():
    model = networks.build(MLPConfig(hidden=(6,)), 3, (4, 5))
    variables = tiny.variables(model)
    images = np.random.default_rng(0).standard_normal((2, 4, 5)).astype(np.float32)
    logits, batch_stats = tiny.apply(model, variables, images, False)
    assert (logits.shape, logits.dtype, batch_stats) == ((2, 3), jnp.float32, {})
    w, v = (jax.tree.map(np.float64, variables.params[name]) for name in ("hidden1", "logits"))
    hidden = np.maximum(images.reshape(2, 20) @ w["kernel"] + w["bias"], 0)
    np.testing.assert_allclose(logits, hidden @ v["kernel"] + v["bias"], rtol=1e-5, atol=1e-6)


def test_training_changes_nothing_in_it():
    model = networks.build(MLPConfig(hidden=(6,)), 3, (4, 5))
    variables, images = tiny.variables(model), np.ones((2, 4, 5), np.float32)
    train, evaluated = (tiny.apply(model, variables, images, train) for train in (True, False))
    np.testing.assert_array_equal(train[0], evaluated[0])
    assert train[1] == evaluated[1] == {}


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_one(activation):
    model = networks.build(MLPConfig(hidden=(6,), activation=activation), 3, (4, 5))
    images = np.ones((2, 4, 5), np.float32)
    logits = model.apply(tiny.variables(model), images, train=False)[0]
    assert np.all(np.isfinite(logits))


@pytest.mark.slow
def test_a_key_is_an_initialisation():
    init = tiny.quick_jit(networks.build(MLPConfig(hidden=(6,)), 3, (4, 5)).init)
    a, again, b = (init(jax.random.key(seed)).params for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, a, again)
    assert not np.array_equal(a["hidden1"]["kernel"], b["hidden1"]["kernel"])
    # Glorot and Bengio's limit, Keras' default.
    limit = np.sqrt(6 / (20 + 6))
    assert 0.9 * limit < np.abs(a["hidden1"]["kernel"]).max() <= limit
    assert not np.any(a["hidden1"]["bias"])

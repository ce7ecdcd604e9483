import jax
import jax.numpy as jnp
import numpy as np
import optax
import plain_flax
import pytest
import tiny
from agreement import assert_close, x64

from configs import emnist_deeper
from jaxletters.config.models import (
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    SimpleConvNetConfig,
)
from jaxletters.core.types import Variables
from jaxletters.evaluation import losses
from jaxletters.models import networks

pytestmark = pytest.mark.slow

SIDE, CLASSES = 28, 26

NETWORKS = {
    "simple": SimpleConvNetConfig(),
    "chollet": ConvNetConfig(),
    "book": DeeperConfig(widths=(64, 128, 256), kernel_sizes=(3, 3, 3), depths=(1, 2, 1)),
    "notebook": DeeperConfig(
        widths=(20, 10, 6),
        kernel_sizes=(7, 3, 3),
        depths=(1, 1, 1),
        padding="valid",
        norm_position="after_pooling",
        hidden=(16,),
        dropout=0.2,
    ),
    "not monotone": DeeperConfig(widths=(4,), kernel_sizes=(4,), depths=(2,), activation="gelu"),
    "residual": LetterNetConfig(widths=(8, 12, 40), blocks=2, dropout=0.2),
    "residual, uncropped": LetterNetConfig(widths=(8, 12), crop=0),
    "flagship": emnist_deeper.get_config().model,
}


def letters(n, side, classes, seed=0):
    """Noise with one brighter row, whose place tells the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n).astype(np.int32)
    images = rng.random((n, side, side), np.float32)
    images[np.arange(n), labels * side // classes] += 1
    return images, labels


def outcome(model, variables, images, labels):
    """Loss and logits of training, their gradient, the new statistics, and evaluated logits."""

    def loss(params):
        changed = Variables(params, variables.batch_stats)
        logits, stats = model.apply(changed, images, train=True, key=jax.random.key(1))
        return jnp.mean(losses.cross_entropy(logits, labels)), (logits, stats)

    value, gradient = jax.value_and_grad(loss, has_aux=True)(variables.params)
    return value, gradient, model.apply(variables, images, train=False)[0]


# In float64 only: deep networks with BatchNorm blow up the rounding of float32 from layer to layer,
# whoever computes them.
@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_and_their_gradients_are_flax_s(name):
    config = NETWORKS[name]
    model = networks.build(config, CLASSES, (SIDE, SIDE))
    plain = plain_flax.build(config, CLASSES)
    # After the notebook's last convolution BatchNorm sees one number an image: fewer, and it could be
    # that ReLU lets all pass, and a bias before it has no gradient.
    images, labels = letters(6 if name == "notebook" else 2, SIDE, CLASSES)
    variables = jax.tree.map(np.float64, tiny.variables(model))
    with x64(True):
        found, expected = (
            tiny.quick_jit(outcome, static_argnums=0)(m, variables, np.float64(images), labels)
            for m in (model, plain)
        )
    (loss, (logits, _)), gradient, _ = found
    assert loss.dtype == logits.dtype == np.float64
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient))
    assert_close(found, expected, 1e-10)


SMALL = SimpleConvNetConfig(widths=(8, 16), dropout=0.25)
SMALL_SIDE, FEW_CLASSES = 12, 6


def curves(model, variables, seeds, steps=200, batch=32):
    """The loss of each step `[seeds, steps]`; a seed is for the order of the examples and dropout."""
    images, labels = map(jnp.asarray, letters(512, SMALL_SIDE, FEW_CLASSES))
    optimizer = optax.adam(3e-3)

    @tiny.quick_jit
    def step(params, state, indices, key):
        def loss(params):
            changed = variables._replace(params=params)
            logits, _ = model.apply(changed, images[indices], train=True, key=key)
            return jnp.mean(losses.cross_entropy(logits, labels[indices]))

        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    def curve(seed):
        params, state = variables.params, optimizer.init(variables.params)
        order = np.random.default_rng(seed).integers(0, len(labels), (steps, batch))
        for indices, key in zip(order, jax.random.split(jax.random.key(seed), steps), strict=True):
            params, state, value = step(params, state, indices, key)
            yield float(value)

    return np.array([list(curve(seed)) for seed in seeds])


def test_training_follows_the_same_curve():
    model = networks.build(SMALL, FEW_CLASSES, (SMALL_SIDE, SMALL_SIDE))
    variables = tiny.variables(model)
    plain = plain_flax.build(SMALL, FEW_CLASSES)
    (found,), expected = curves(model, variables, [0]), curves(plain, variables, [0, 1, 2])
    # From where nothing has been added up yet, on to where rounding errors have had 200 steps to grow.
    np.testing.assert_allclose(found[:3], expected[0, :3], rtol=1e-4)
    end, ends = found[-20:].mean(), expected[:, -20:].mean(1)
    assert end < 0.7 * found[:20].mean()
    # What another order of the same examples, and other dropout, change.
    noise = np.std(ends, ddof=1)
    assert abs(end - ends[0]) < 0.1 * noise

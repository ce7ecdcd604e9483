import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from flax import linen as nn

from jaxletters.models.layers import BatchNorm, Conv


def images(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def assert_close(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


class Pooled(nn.Module):
    """Flax's convolution, its bias, then its pooling."""

    conv: nn.Conv

    def setup(self):
        nn.share_scope(self, self.conv)

    def __call__(self, x):
        return nn.max_pool(self.conv(x), (2, 2), (2, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Conv(4, (3, 3)), nn.Conv(4, (3, 3))),
        (
            Conv(4, (5, 5), 2, "VALID", use_bias=False),
            nn.Conv(4, (5, 5), 2, "VALID", use_bias=False),
        ),
        (
            Conv(4, (3, 3), padding="VALID", pool=True, kernel_init=nn.initializers.he_normal()),
            Pooled(nn.Conv(4, (3, 3), padding="VALID", kernel_init=nn.initializers.he_normal())),
        ),
        (Conv(4, (1, 3)), nn.Conv(4, (1, 3))),
        (Conv(4, (3, 3), (1, 2)), nn.Conv(4, (3, 3), (1, 2))),
        (
            Conv(6, (3, 3), feature_group_count=1, pool=True, strides=2),
            Pooled(nn.Conv(6, (3, 3), 2)),
        ),
        (
            Conv(12, (3, 3), feature_group_count=3),
            nn.Conv(12, (3, 3), feature_group_count=3),
        ),
    ],
    ids=["same", "stride", "pool", "wide kernel", "two strides", "pooled stride", "groups"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_is_flax_s(ours, theirs, channels):
    x = images((2, 9, 8, channels * getattr(ours, "feature_group_count", 1)))
    found, expected = (tiny.quick_jit(layer.init)(jax.random.key(7), x) for layer in (ours, theirs))
    # The same bits at first, so that a run's numbers do not depend on whose layer it is.
    tiny.assert_same_bits(found, expected)
    # A bias that is not zero tells whether it is added, and where.
    variables = jax.tree.map(lambda leaf: leaf + 0.1, found)
    assert_close(
        *(tiny.quick_jit(layer.apply)(variables, x) for layer in (ours, theirs)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 7, 2)])
def test_batch_norm_is_flax_s(train, shape):
    ours = BatchNorm(0.6, 1e-2)
    theirs = nn.BatchNorm(not train, momentum=0.6, epsilon=1e-2)
    x = 1 + 2 * images(shape)
    arguments = {ours: (train,), theirs: ()}
    found, expected = (layer.init(jax.random.key(0), x, *rest) for layer, rest in arguments.items())
    tiny.assert_same_bits(found, expected)
    variables = jax.tree.map(
        lambda leaf: leaf + np.linspace(0.1, 0.5, leaf.size, dtype=np.float32), found
    )

    def both(layer):
        @tiny.quick_jit
        def outputs(variables, x):
            def total(params, x):
                changed = {**variables, "params": params}
                y, updated = layer.apply(changed, x, *arguments[layer], mutable=["batch_stats"])
                return jnp.sum(jnp.sin(y)), (y, updated)

            return jax.grad(total, (0, 1), has_aux=True)(variables["params"], x)

        return outputs(variables, x)

    assert_close(both(ours), both(theirs))


def test_batch_norm_keeps_its_statistics_while_it_starts():
    x = 5 + images((4, 3))
    variables = BatchNorm().init(jax.random.key(0), x, True)
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(3))

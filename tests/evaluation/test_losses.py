import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.config.training import Distillation, LossConfig
from jaxletters.evaluation import losses

cross_entropy = tiny.quick_jit(losses.cross_entropy)

seeds = st.integers(0, 2**32 - 1)


def batch(seed, scale=5.0, n=7, classes=4):
    rng = np.random.default_rng(seed)
    logits = (scale * rng.standard_normal((n, classes))).astype(np.float32)
    return logits, rng.integers(0, classes, n).astype(np.int32)


@pytest.mark.slow
@settings(max_examples=30)
@given(seed=seeds, smoothing=st.floats(0, 0.9), scale=st.sampled_from([0.1, 5.0, 200.0]))
def test_cross_entropy_in_double_precision(seed, smoothing, scale):
    logits, labels = batch(seed, scale)
    log_p = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    targets = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    found = cross_entropy(logits, labels, smoothing)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, -(targets * log_p).sum(1), rtol=2e-5, atol=1e-5)


@pytest.mark.slow
def test_without_smoothing_it_is_optax_s_integer_form():
    logits, labels = batch(0)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    np.testing.assert_allclose(cross_entropy(logits, labels, 0.0), expected, rtol=1e-5)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    seed=seeds,
    scale=st.sampled_from([0.1, 5.0, 50.0]),
    temperature=st.sampled_from([0.5, 1.0, 4.0]),
    share=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_distillation_in_double_precision(seed, scale, temperature, share):
    logits, labels = batch(seed, scale)
    taught, _ = batch(seed + 1, scale)
    taught[:, 0] = -np.inf
    config = Distillation(temperature=temperature, share=share)
    log_p = scipy.special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    targets = scipy.special.softmax(taught.astype(np.float64) / temperature, axis=1)
    from_label = cross_entropy(logits, labels)
    expected = (1 - share) * from_label - share * temperature**2 * (targets * log_p).sum(1)
    found = losses.distillation(from_label, jnp.asarray(logits), jnp.asarray(taught), config)
    np.testing.assert_allclose(found, expected, rtol=5e-5, atol=1e-5)


def test_a_student_that_agrees_with_its_teacher_has_no_gradient():
    logits = jnp.asarray(batch(0)[0])
    config = Distillation(temperature=3.0, share=1.0)

    def total(x):
        return losses.distillation(jnp.zeros(len(x)), x, logits, config).sum()

    np.testing.assert_allclose(jax.grad(total)(logits), 0, atol=1e-6)
    assert np.abs(jax.grad(total)(-logits)).max() > 0.1


PARAMS = {
    "conv": {
        "kernel": np.random.default_rng(1).standard_normal((3, 3, 1, 2)).astype(np.float32),
        "bias": np.full(2, 100, np.float32),
    },
    "norm": {"scale": np.full(2, 100, np.float32), "bias": np.full(2, 100, np.float32)},
    "logits": {"kernel": np.array([[3.0, -4.0]], np.float32), "bias": np.zeros(2, np.float32)},
}
KERNELS = [PARAMS["conv"]["kernel"], PARAMS["logits"]["kernel"]]


@pytest.mark.slow
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_penalties_are_of_kernels_only(l1, l2):
    expected = sum(l1 * np.abs(k).sum() + l2 * np.square(k).sum() for k in KERNELS)
    found = losses.penalty(PARAMS, LossConfig(l1=l1, l2=l2))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_gradient_of_the_penalty():
    config = LossConfig(l1=0.3, l2=0.2)
    gradient = tiny.quick_jit(jax.grad(lambda params: losses.penalty(params, config)))(PARAMS)
    expected = 0.3 * np.sign(KERNELS[0]) + 2 * 0.2 * KERNELS[0]
    np.testing.assert_allclose(gradient["conv"]["kernel"], expected, rtol=1e-5)
    spared = (gradient["conv"]["bias"], *gradient["norm"].values(), gradient["logits"]["bias"])
    assert not any(np.any(leaf) for leaf in spared)


def test_a_prior_is_the_logarithm_of_how_much_more_frequent_a_class_is():
    labels = np.repeat(np.int32([1, 2, 4]), [6, 2, 1])
    np.testing.assert_allclose(
        losses.prior(labels, 5), [0, np.log(2), np.log(2 / 3), 0, np.log(1 / 3)]
    )


@pytest.mark.slow
@settings(max_examples=20)
@given(seed=seeds)
def test_with_the_prior_the_best_logits_are_those_of_equally_frequent_classes(seed):
    """Where it cannot be told which class it is, all that is left to learn is how frequent each is."""
    drawn = np.random.default_rng(seed).permutation(np.repeat(np.int32([0, 1, 2]), [50, 9, 1]))
    prior = jnp.asarray(losses.prior(drawn, 3), jnp.float32)
    labels = jnp.asarray(drawn)
    gradient = jax.grad(
        lambda z: jnp.mean(losses.cross_entropy(z + prior + 0 * labels[:, None], labels))
    )
    np.testing.assert_allclose(gradient(jnp.zeros(3)), 0, atol=1e-6)

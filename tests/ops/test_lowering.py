"""Programs lowered for accelerators, which takes none: they are XLA's own operations, unchanged."""

import collections
import functools
import re

import jax
import jax.export
import jax.numpy as jnp
import plain_flax
import pytest
import tiny
from jax import lax

from jaxletters import ops
from jaxletters.config.models import (
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    MLPConfig,
    SimpleConvNetConfig,
)
from jaxletters.core.types import Variables
from jaxletters.evaluation import losses
from jaxletters.models import networks

pytestmark = pytest.mark.slow

ACCELERATORS = ("tpu", "cuda")


def program(platform, function, *shapes):
    return jax.export.export(jax.jit(function), platforms=[platform])(*shapes).mlir_module()


def operations(platform, function, *shapes):
    """How many of each operation a program for a platform has."""
    return count(program(platform, function, *shapes))


def count(program):
    """How many of each operation a program has."""
    found = collections.Counter(re.findall(r"stablehlo\.(\w+)", program))
    # The choice between platforms, made already, and zeros for what only the other one would save.
    for name in ("case", "return", "constant", "broadcast_in_dim"):
        del found[name]
    return found


def convolve(x, kernel, stride=1, padding="SAME"):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=numbers)


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


PAIRS = {
    "conv2d": (ops.conv2d, convolve),
    "conv2d with a stride": (
        lambda x, kernel: ops.conv2d(x, kernel, 2, "VALID"),
        lambda x, kernel: convolve(x, kernel, 2, "VALID"),
    ),
    "conv2d_max_pool": (ops.conv2d_max_pool, lambda x, kernel: pool(convolve(x, kernel))),
    "max_pool": (
        lambda x, kernel: ops.max_pool(x) * jnp.sum(kernel),
        lambda x, kernel: pool(x) * jnp.sum(kernel),
    ),
}


def with_gradients(function):
    return jax.value_and_grad(lambda *arrays: jnp.sum(jnp.sin(function(*arrays))), (0, 1))


@pytest.mark.parametrize("channels", [1, 64])
@pytest.mark.parametrize("name", PAIRS)
def test_accelerators_run_lax(name, channels):
    ours, plain = PAIRS[name]
    x = jax.ShapeDtypeStruct((2, 9, 8, channels), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, channels, 64), jnp.float32)
    for platform in ACCELERATORS:
        for transform in (lambda f: f, with_gradients):
            found = operations(platform, transform(ours), x, kernel)
            assert found == operations(platform, transform(plain), x, kernel)
    # The criterion can tell.
    assert operations("cpu", with_gradients(ours), x, kernel) != operations(
        "cpu", with_gradients(plain), x, kernel
    )


NETWORKS = [
    MLPConfig(),
    SimpleConvNetConfig(),
    ConvNetConfig(),
    DeeperConfig(widths=(32, 64), kernel_sizes=(3, 3), depths=(1, 2)),
    DeeperConfig(
        widths=(8, 16),
        kernel_sizes=(7, 3),
        depths=(1, 1),
        padding="valid",
        norm_position="after_pooling",
    ),
    LetterNetConfig(widths=(8, 16, 32)),
]


def step(model):
    """Loss and gradient, as one function of variables and a batch."""

    def both(params, batch_stats, images, labels):
        def loss(params):
            logits, stats = model.apply(
                Variables(params, batch_stats), images, train=True, key=jax.random.key(0)
            )
            return jnp.mean(losses.cross_entropy(logits, labels)), stats

        return jax.value_and_grad(loss, has_aux=True)(params)

    return both


def shapes(model):
    """What `step(model)` takes, without numbers: variables and a batch."""
    variables = jax.eval_shape(model.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((8, 28, 28), jnp.float32)
    return *variables, images, jax.ShapeDtypeStruct((8,), jnp.int32)


@functools.cache
def step_program(platform, model):
    """The program of a training step as text."""
    return program(platform, step(model), *shapes(model))


@pytest.mark.parametrize("platform", ["cpu", *ACCELERATORS])
def test_the_row_and_column_that_pooling_drops_are_not_computed(platform):
    x = jax.ShapeDtypeStruct((2, 19, 23, 4), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 4, 5), jnp.float32)
    same = program(platform, with_gradients(ops.conv2d_max_pool), x, kernel)
    assert re.search(r"tensor<2x18x22x5x", same)
    assert not re.search(r"tensor<2x(19x\d+|\d+x23)x5x", same)


# What does the work; sums and products of single numbers may be arranged as they like.
WORK = (
    *("convolution", "dot_general", "reduce_window", "select_and_scatter"),
    *("pad", "slice", "concatenate", "gather", "scatter", "reverse", "while", "custom_call"),
)


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: type(config).__name__)
def test_a_training_step_on_accelerators_has_the_operations_of_plain_flax(config):
    model = networks.build(config, 10, (28, 28))
    inputs = shapes(model)

    def work(found):
        return {name: found[name] for name in WORK}

    plain = plain_flax.build(config, 10)
    for platform in ACCELERATORS:
        expected = work(operations(platform, step(plain), *inputs))
        assert work(count(step_program(platform, model))) == expected
        assert bool(expected["convolution"]) == (not isinstance(config, MLPConfig))
    # The criterion can tell.
    assert (work(count(step_program("cpu", model))) == expected) == isinstance(config, MLPConfig)


def test_every_network_is_lowered_somewhere():
    assert {type(config) for config in NETWORKS} == tiny.NETWORKS


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: type(config).__name__)
def test_what_stops_fusion_on_cpus_is_not_in_programs_for_accelerators(config):
    model = networks.build(config, 10, (28, 28))

    def barriers(platform):
        return step_program(platform, model).count("inlineable")

    assert [barriers(platform) for platform in ACCELERATORS] == [0, 0]
    assert bool(barriers("cpu")) == (not isinstance(config, MLPConfig))


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: type(config).__name__)
def test_a_program_for_any_number_of_images_is_of_xla_s_operations_on_cpus_too(config):
    model = networks.build(config, 10, (28, 28))
    variables = jax.eval_shape(model.init, jax.random.key(0))
    (batch,) = jax.export.symbolic_shape("batch")

    def evaluate(variables, images):
        return model.apply(variables, images, train=False)[0]

    def found(platform, count):
        images = jax.ShapeDtypeStruct((count, 28, 28), jnp.float32)
        return operations(platform, evaluate, variables, images)

    def sums(found):
        return [found[name] for name in ("convolution", "dot_general", "reduce_window")]

    here, *accelerators = (found(platform, batch) for platform in ("cpu", *ACCELERATORS))
    assert accelerators == [here, here]
    fixed = sums(found("cuda", 8))
    assert sums(here) == fixed
    # The criterion can tell.
    assert (sums(found("cpu", 8)) == fixed) == isinstance(config, MLPConfig)

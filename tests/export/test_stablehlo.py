"""Serialized programs, as JAX alone reads them back."""

import site

import jax
import jax.export
import numpy as np
import pytest
import runs
import tiny

from jaxletters.config.models import (
    ConvNetConfig,
    DeeperConfig,
    LetterNetConfig,
    MLPConfig,
    SimpleConvNetConfig,
)
from jaxletters.evaluation import inference
from jaxletters.export import stablehlo
from jaxletters.models import networks

SHAPE, CLASSES = (22, 22), 5
NETWORKS = [
    MLPConfig(hidden=(8,)),
    SimpleConvNetConfig(widths=(4, 5)),
    ConvNetConfig(widths=(4, 5, 6)),
    # Of the sizes whose convolutions take a form of their own on CPUs.
    DeeperConfig(widths=(32, 64), kernel_sizes=(3, 3), depths=(2, 1)),
    LetterNetConfig(widths=(4, 6, 8)),
]


@pytest.mark.slow
@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: type(config).__name__)
def test_a_program_computes_what_the_network_does_for_any_number_of_images(config):
    model = networks.build(config, CLASSES, SHAPE)
    variables = tiny.variables(model)
    data = stablehlo.serialize(stablehlo.logits_fn(model, variables), SHAPE)
    exported = jax.export.deserialize(bytearray(data))
    assert set(exported.platforms) == {"cpu", "cuda", "tpu"}
    network = tiny.quick_jit(inference.forward, static_argnums=0)
    for count in (1, 5):
        images = np.random.default_rng(count).integers(0, 256, (count, *SHAPE), np.uint8)
        expected = np.asarray(network(model, variables, images))
        found = np.asarray(tiny.quick_jit(exported.call)(images))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_every_kind_of_network_is_serialized():
    assert {type(config) for config in NETWORKS} == tiny.NETWORKS


@pytest.mark.slow
def test_a_program_tells_nothing_of_where_it_was_made():
    model = networks.build(NETWORKS[-1], CLASSES, SHAPE)
    read = stablehlo.logits_fn(model, tiny.variables(model))
    data = stablehlo.serialize(read, SHAPE)
    places = [str(runs.ROOT), *site.getsitepackages()]
    assert [place for place in places if place.encode() in data] == []
    # The criterion can tell, and what was set for it is as it was before.
    traced = jax.export.export(jax.jit(lambda x: read(x)))(stablehlo.image_spec(SHAPE))
    assert str(runs.ROOT).encode() in bytes(traced.serialize())

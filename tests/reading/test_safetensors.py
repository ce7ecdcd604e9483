import json

import jax
import numpy as np
import pytest
import tiny

from jaxletters.config.models import DeeperConfig, MLPConfig
from jaxletters.models import networks
from jaxletters.reading import safetensors

NETWORK = DeeperConfig(widths=(2, 3), kernel_sizes=(3, 3), depths=(1, 1))


@pytest.fixture
def variables():
    return tiny.variables(networks.build(NETWORK, 5, (8, 8)))


def by_hand(data):
    """A safetensors file by its specification: a length, a table in JSON, the numbers."""
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    numbers = data[8 + length :]
    assert {about["dtype"] for about in table.values()} == {"F32"}
    return {
        name: np.frombuffer(numbers[slice(*about["data_offsets"])], "<f4").reshape(about["shape"])
        for name, about in table.items()
    }


def test_each_weight_has_the_name_of_its_place(variables):
    found = by_hand(safetensors.serialize(variables))
    params, statistics = variables
    expected = {
        "logits/bias": params["logits"]["bias"],
        "logits/kernel": params["logits"]["kernel"],
        **{
            f"stage{i}_{part}": value
            for i in (1, 2)
            for part, value in {
                "conv1/kernel": params[f"stage{i}_conv1"]["kernel"],
                "norm1/scale": params[f"stage{i}_norm1"]["scale"],
                "norm1/bias": params[f"stage{i}_norm1"]["bias"],
                "norm1/mean": statistics[f"stage{i}_norm1"]["mean"],
                "norm1/var": statistics[f"stage{i}_norm1"]["var"],
            }.items()
        },
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_what_was_written_comes_back(variables):
    found = safetensors.deserialize(
        safetensors.serialize(variables), jax.tree.map(np.zeros_like, variables)
    )
    jax.tree.map(np.testing.assert_array_equal, found, variables)


def test_half_precision_is_widened(variables):
    half = jax.tree.map(lambda leaf: leaf.astype(np.float16), variables)
    found = safetensors.deserialize(safetensors.serialize(half), variables)
    jax.tree.map(
        lambda new, old: np.testing.assert_array_equal(new, old.astype(np.float32), strict=True),
        found,
        half,
    )


def test_a_weight_that_is_not_there_is_an_error(variables):
    other = tiny.variables(networks.build(MLPConfig(hidden=(4,)), 5, (8, 8)))
    with pytest.raises(KeyError, match="hidden1/bias"):
        safetensors.deserialize(safetensors.serialize(variables), other)

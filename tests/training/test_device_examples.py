"""Batches hold the images that were asked for, however the examples are laid out on a device."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.runtime import sharding
from jaxletters.training.device_examples import Examples, in_rows

SHAPES = (5, 7), (28, 28), (6, 4, 3), (16, 8)


@given(st.sampled_from(SHAPES), st.sampled_from(["cpu", "tpu"]), st.integers(0, 2**31))
def test_a_batch_is_numpy_s(shape, platform, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (9, *shape), np.uint8)
    labels = rng.integers(0, 26, 9, np.int32)
    indices = rng.integers(0, 9, 4)
    found = Examples(in_rows(images, platform), labels, shape).take(indices)
    for array, expected in zip(found, (images[indices], labels[indices]), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tpu_gets_whole_tiles(shape):
    rows = in_rows(np.ones((3, *shape), np.uint8), "tpu")
    assert rows.shape[1] % 128 == 0
    assert rows.sum() == 3 * np.prod(shape)


def test_they_pass_through_a_program_as_arrays():
    images, labels = np.ones((4, 5, 7), np.uint8), np.arange(4, dtype=np.int32)
    examples = Examples.on_devices(images, labels, sharding.data_mesh())
    assert len(jax.tree.leaves(examples)) == 2
    assert jax.jit(lambda e: e.take(np.array([1, 3]))[0])(examples).shape == (2, 5, 7)

import jax
import jax.numpy as jnp
import numpy as np
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxletters.training import packing

ARRAYS = st.sampled_from((np.float32, np.int32, np.uint8, jnp.bfloat16)).flatmap(
    lambda dtype: st.lists(st.integers(0, 3), max_size=3).map(
        lambda shape: np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    )
)
TREES = st.recursive(
    ARRAYS | st.none(),
    lambda trees: st.lists(trees, max_size=4) | st.dictionaries(st.sampled_from("abc"), trees),
    max_leaves=12,
)


# Every other tree compiles programs of its own.
@settings(max_examples=15)
@given(TREES)
def test_every_tree_comes_back_bit_for_bit(tree):
    on_device = jax.tree.map(jnp.asarray, tree)
    back = packing.unpacking(on_device)(packing.pack(on_device))
    tiny.assert_same_bits(jax.device_get(back), tree)
    dtypes = [(x.dtype, x.shape) for x in jax.tree.leaves(tree)]
    assert [(x.dtype, x.shape) for x in jax.tree.leaves(back)] == dtypes


@given(hnp.arrays(np.float32, 5))
def test_the_vectors_are_one_and_keep_nan_and_signed_zero(vector):
    tree = {"bias": vector, "kernel": np.ones((2, 2), np.float32), "scale": -vector}
    packed = packing.pack(jax.tree.map(jnp.asarray, tree))
    assert packed.vectors.shape == (10,)
    assert [x.shape for x in packed.others] == [(2, 2)]
    expected = np.concatenate([vector, -vector])
    np.testing.assert_array_equal(
        np.asarray(packed.vectors).view(np.int32), expected.view(np.int32)
    )

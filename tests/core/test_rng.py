import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.core import rng
from jaxletters.core.rng import Stream

seeds = st.integers(0, 2**32 - 1)
ids = st.lists(st.integers(0, 2**32 - 1), max_size=3)


def data(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


@pytest.mark.slow
@given(seeds, st.sampled_from(Stream), ids)
def test_a_key_follows_from_its_arguments_alone(seed, stream, ids):
    assert data(rng.key(seed, stream, *ids)) == data(rng.key(seed, stream, *ids))


def test_no_two_uses_of_randomness_share_a_key():
    uses = [
        (seed, stream, *more)
        for seed in (0, 1, 2**32 - 1)
        for stream in Stream
        for more in ((), (0,), (1,), (0, 1), (1, 0), (2**32 - 1,))
    ]
    keys = {data(rng.key(*use)) for use in uses}
    assert len(keys) == len(uses)


def test_streams_are_numbered_for_good():
    # They are part of every run's identity: another number would give every old run other data.
    assert {s.name: s.value for s in Stream} == {
        "INIT": 0,
        "SPLIT": 1,
        "SHUFFLE": 2,
        "AUGMENT": 3,
        "DROPOUT": 4,
        "FOLDS": 5,
        "TEST": 6,
        "LIMIT": 7,
        "STAGE": 8,
    }


@pytest.mark.slow
def test_ids_may_be_traced():
    traced = jax.jit(lambda step: rng.key(9, Stream.DROPOUT, step))
    for step in (0, 1, 1000):
        assert data(traced(step)) == data(rng.key(9, Stream.DROPOUT, step))


def test_the_generator_does_not_depend_on_the_default_one():
    default = rng.key(5, Stream.INIT)
    with jax.default_prng_impl("rbg"):
        assert data(rng.key(5, Stream.INIT)) == data(default)


@pytest.mark.slow
def test_keys_of_successive_steps_give_uncorrelated_numbers():
    keys = [rng.key(0, Stream.AUGMENT, step) for step in range(3)]
    samples = [np.asarray(jax.random.normal(key, (10_000,))) for key in keys]
    for a, b in itertools.combinations(samples, 2):
        # Five standard deviations of the correlation of independent samples.
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(10_000)

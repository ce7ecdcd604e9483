import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.data import datasets, stratified

# Lengths are few, because each is a shape that JAX compiles; what is in them varies.
labellings = st.sampled_from([60, 200]).flatmap(
    lambda n: st.integers(1, 6).flatmap(
        lambda classes: st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)
    )
)
seeds = st.integers(0, 2**32 - 1)


def as_labels(values):
    return np.array(values, np.int32)


@pytest.mark.slow
@settings(max_examples=40)
@given(labellings, st.integers(1, 40), seeds)
def test_each_class_gives_its_share_and_nothing_is_lost(values, per_class, seed):
    labels = as_labels(values)
    shares = {k: min(per_class, np.sum(labels == k) // 6) for k in np.unique(labels)}
    assume(any(shares.values()))
    kept, held_out = stratified.hold_out(labels, per_class, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(labels)))
    assert {k: np.sum(labels[held_out] == k) for k in shares} == shares
    for indices in (kept, held_out):
        assert indices.dtype == np.int64
        assert np.all(np.diff(indices) > 0)


@pytest.mark.slow
def test_the_numbers_of_emnist_letters():
    # 4,800 of each letter as NIST published them: the usual validation split of 20,800.
    labels = np.repeat(np.arange(1, 27, dtype=np.int32), 4800)
    kept, held_out = stratified.hold_out(labels, 800, seed=0)
    assert (len(kept), len(held_out)) == (104_000, 20_800)


@pytest.mark.slow
@settings(max_examples=20)
@given(labellings, seeds)
def test_other_seeds_hold_out_others(values, seed):
    labels = as_labels(values)
    assume(len(labels) == 200)
    held = {stratified.hold_out(labels, 40, (seed + i) % 2**32)[1].tobytes() for i in range(4)}
    assert len(held) == 4


@pytest.mark.slow
@settings(max_examples=20)
@given(st.permutations(range(60)), seeds)
def test_a_class_does_not_depend_on_how_the_others_are_labelled(order, seed):
    # Examples keep their places; only which of the other classes they belong to changes.
    labels = as_labels([0] * 60 + [1, 2] * 30)
    others = labels.copy()
    others[60:] = labels[60:][list(order)]
    chosen = [
        [i for i in stratified.hold_out(which, 10, seed)[1] if which[i] == 0]
        for which in (labels, others)
    ]
    assert chosen[0] == chosen[1]


@pytest.mark.slow
def test_every_member_of_a_class_is_equally_likely():
    labels = as_labels([0, 1] * 30)
    seeds_tried = 600
    counts = np.zeros(60)
    for seed in range(seeds_tried):
        counts[stratified.hold_out(labels, 5, seed)[1]] += 1
    expected = seeds_tried * 5 / 30
    # Five standard deviations of a binomial count.
    assert np.all(abs(counts - expected) < 5 * np.sqrt(expected * (1 - 5 / 30)))


def test_too_few_examples_to_hold_any_out_is_the_user_s_to_mend():
    with pytest.raises(UserError, match=r"expected a class of at least 6 .* at most 5 ") as caught:
        stratified.hold_out(as_labels([0] * 5 + [1] * 3), 800, seed=0)
    assert len(str(caught.value).splitlines()) == 1


DIGEST = """
import hashlib, numpy as np
from jaxletters.data import stratified
labels = np.random.default_rng(0).integers(0, 9, 500).astype(np.int32)
held_out = stratified.hold_out(labels, 7, seed=11)[1]
print(hashlib.sha256(held_out.astype("<i8").tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_the_split_is_the_same_in_every_process_and_version():
    # Another value here means that old runs validated on examples that new ones train on.
    out = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "857f90d711492c602592f8e7e9c871d1f3ff0ad63726b940cffa9d8c5b0f0570"


def test_take_keeps_images_and_labels_together():
    images = np.arange(5 * 4).reshape(5, 2, 2).astype(np.uint8)
    dataset = Dataset(images, np.arange(5, dtype=np.int32), ("a", "b", "c", "d", "e"))
    taken = datasets.take(dataset, np.array([3, 1, 1]))
    np.testing.assert_array_equal(taken.labels, [3, 1, 1])
    np.testing.assert_array_equal(taken.images, images[[3, 1, 1]])
    assert taken.class_names == dataset.class_names


@pytest.mark.slow
@settings(max_examples=40)
@given(labellings, st.integers(2, 12), seeds)
def test_folds_are_stratified_and_even(values, count, seed):
    labels = as_labels(values)
    assume(np.unique(labels, return_counts=True)[1].min() >= count)
    fold_of = stratified.folds(labels, count, seed)
    assert np.ptp(np.bincount(fold_of, minlength=count)) <= 1
    for label in np.unique(labels):
        assert np.ptp(np.bincount(fold_of[labels == label], minlength=count)) <= 1
    np.testing.assert_array_equal(fold_of, stratified.folds(labels, count, seed))
    if len(np.unique(labels)) == 1:
        assert not np.array_equal(fold_of, stratified.folds(labels, count, (seed + 1) % 2**32))


@pytest.mark.parametrize("count", [1, 4])
def test_folds_without_an_example_of_some_class_are_refused(count):
    labels = as_labels([1] * 30 + [2] * 3)
    with pytest.raises(UserError, match=r"config\.folds: expected 2 to 3, .*label 2.*found"):
        stratified.folds(labels, count, seed=0)


@pytest.mark.slow
@settings(max_examples=40)
@given(labellings, st.sampled_from([0.1, 0.2, 0.5]), seeds)
def test_a_share_of_each_class_is_tested_on(values, share, seed):
    labels = as_labels(values)
    kept, tested = stratified.hold_out_test(labels, share, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, tested])), np.arange(len(labels)))
    for label in np.unique(labels):
        count = np.sum(labels == label)
        # A class with a single example keeps it for training.
        expected = min(max(1, np.rint(share * count)), count - 1)
        assert np.sum(labels[tested] == label) == expected


@pytest.mark.slow
@settings(max_examples=40)
@given(labellings, st.integers(1, 250), seeds)
def test_a_limit_takes_from_all_classes_alike(values, most, seed):
    labels = as_labels(values)
    chosen = stratified.limit(labels, most, seed)
    assert len(chosen) == min(most, len(labels))
    assert np.all(np.diff(chosen) > 0)
    taken = np.bincount(labels[chosen], minlength=6)
    there = np.bincount(labels, minlength=6)
    # Only a class that is used up has fewer than another.
    for label in np.flatnonzero(taken < there):
        assert taken[label] >= taken.max() - 1


@pytest.mark.slow
def test_a_class_of_one_example_is_learned_and_not_tested():
    train, tested = stratified.hold_out_test(np.array([0, 1, 1, 1, 1, 1, 2, 2]), 0.2, seed=0)
    labels = np.array([0, 1, 1, 1, 1, 1, 2, 2])
    assert np.bincount(labels[train]).tolist() == [1, 4, 1]
    assert np.bincount(labels[tested], minlength=3).tolist() == [0, 1, 1]

"""Images in a mapped file behave like an array and are read when they are indexed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxletters.config.sources import Arrays
from jaxletters.data import datasets, mapped

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 5, 6)).astype(np.uint8)


@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=30),
    st.lists(st.integers(0, 29), max_size=9),
    st.slices(30),
)
def test_rows_are_the_images_that_indexing_gives(chosen, then, part):
    indices = np.array(chosen)
    rows, expected = mapped.Rows(IMAGES, indices), IMAGES[indices]
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (
        expected.shape,
        expected.ndim,
        expected.dtype,
        len(expected),
    )
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(rows[part], expected[part])
    picked = np.array(then, int) % len(indices)
    np.testing.assert_array_equal(rows[picked], expected[picked])
    np.testing.assert_array_equal(mapped.take(rows, picked), expected[picked])


def test_a_view_of_a_mapped_file_is_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "LARGE", 0)
    np.save(tmp_path / "images.npy", IMAGES)
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    view = np.asarray(images).reshape(40, 30)[::2]
    assert mapped.is_mapped(images)
    assert mapped.is_mapped(view)
    assert mapped.is_mapped(mapped.take(view, np.arange(3)))
    assert not mapped.is_mapped(np.array(view))
    assert isinstance(mapped.take(np.array(view), np.arange(3)), np.ndarray)


@pytest.mark.parametrize("least", [0, 2**28])
def test_a_large_file_is_mapped_and_has_the_same_images(tmp_path, monkeypatch, least):
    monkeypatch.setattr(mapped, "LARGE", least)
    images = np.random.default_rng(1).integers(0, 256, (52, 28, 28)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(52) % 26)
    source = Arrays(images=tmp_path / "images.npy", labels=tmp_path / "labels.npy")
    splits = datasets.DatasetSplits(source)
    raw = splits.raw("train")
    assert mapped.is_mapped(raw.images) == (least == 0)
    taken = splits.take(datasets.Subset("train", np.arange(7, 20)))
    np.testing.assert_array_equal(taken.images, images[7:20])
    np.testing.assert_array_equal(taken.labels, raw.labels[7:20])

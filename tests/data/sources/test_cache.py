"""The cache gives back what was stored, or nothing: damaged or outdated arrays are never served."""

import os
import random

import numpy as np
import pytest

from jaxletters.data.sources import cache

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 20, 16)).astype(np.uint8)
LABELS = np.arange(50, dtype=np.int32)


@pytest.fixture
def folder(tmp_path):
    cache.write(tmp_path / "arrays", "train", "key", IMAGES, LABELS)
    return tmp_path / "arrays"


def test_gives_back_what_was_stored_without_reading_it_into_memory(folder):
    images, labels = cache.load(folder, "train", "key")
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    assert isinstance(images.base, np.memmap)
    assert not images.flags.writeable


def test_is_valid_for_its_records_and_its_split_alone(folder):
    assert cache.load(folder, "train", "another key") is None
    assert cache.load(folder, "test", "key") is None


def test_leaves_nothing_but_the_cache(folder):
    names = ["train.images.npy", "train.json", "train.labels.npy"]
    assert sorted(p.name for p in folder.iterdir()) == names


@pytest.mark.parametrize("name", ["train.images.npy", "train.labels.npy", "train.json"])
def test_any_damage_is_noticed(folder, name):
    path, whole = folder / name, (folder / name).read_bytes()
    chance = random.Random(0)
    for _ in range(50):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert cache.load(folder, "train", "key") is None
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert cache.load(folder, "train", "key") is None
    path.unlink()
    assert cache.load(folder, "train", "key") is None
    path.write_bytes(whole)
    assert cache.load(folder, "train", "key") is not None


@pytest.mark.parametrize(
    "manifest", ["null", "[]", "{}", '"records"', '{"records": "key"}', "\x00"]
)
def test_a_foreign_manifest_is_no_cache(folder, manifest):
    (folder / "train.json").write_text(manifest)
    assert cache.load(folder, "train", "key") is None


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_writer_that_dies_leaves_no_valid_mixture(folder, monkeypatch, writes):
    done, replace = [], os.replace

    def dying_replace(source, target):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(target)
        replace(source, target)

    monkeypatch.setattr("os.replace", dying_replace)
    with pytest.raises(KeyboardInterrupt):
        cache.write(folder, "train", "new key", 255 - IMAGES, LABELS[::-1])
    assert cache.load(folder, "train", "new key") is None
    old = cache.load(folder, "train", "key")
    assert old is None if writes else (old[0] == IMAGES).all()
    assert not list(folder.glob("*.part"))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache.write(tmp_path / "file" / "arrays", "train", "key", IMAGES, LABELS)
    assert cache.load(tmp_path / "file" / "arrays", "train", "key") is None


def test_key_depends_on_names_contents_and_number_of_the_files(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(b"same")
    keys = {
        cache.key_of(paths[:2]),
        cache.key_of(paths[1:]),
        cache.key_of(paths),
        cache.key_of(paths[::-1]),
    }
    before = cache.key_of(paths)
    paths[0].write_bytes(b"Same")
    assert len(keys | {cache.key_of(paths)}) == 5
    paths[0].write_bytes(b"same")
    assert cache.key_of(paths) == before

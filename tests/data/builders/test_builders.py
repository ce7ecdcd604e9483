"""The builders are what any TFDS user expects, and refuse files that are not theirs."""

import gzip
import importlib
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds

from jaxletters.core.errors import UserError
from jaxletters.data.builders import specs
from jaxletters.data.sources import records


def builder_class(name):
    module, cls = specs.SPECS[name].builder.split(":")
    return getattr(importlib.import_module(module), cls)


def prepare(name, manual_dir, data_dir):
    """Prepares as a TFDS user would, without `jaxletters.data.datasets.load`."""
    builder = builder_class(name)(data_dir=data_dir)
    with records.silence_tfds():
        builder.download_and_prepare(
            file_format="array_record",
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir),
        )
    return builder


@pytest.mark.parametrize("name", specs.SPECS)
def test_agrees_with_what_is_known_without_it(name):
    builder_cls, spec = builder_class(name), specs.SPECS[name]
    assert builder_cls.SPEC is spec
    assert builder_cls.name == f"jaxletters_{name}"
    assert spec.labels.stop == len(spec.class_names)
    assert (spec.class_names[0] == "N/A") == (spec.labels.start == 1)


def test_emnist_is_read_by_tfds_alone(tmp_path, write_emnist):
    written = write_emnist(tmp_path / "archives")
    builder = prepare("emnist_letters", tmp_path / "archives", tmp_path)
    again = tfds.builder_from_directory(builder.data_path)
    assert again.info.features["label"].names[1:3] == ["A", "B"]
    assert again.info.features["image"].shape == (28, 28)
    for split, (images, labels) in written.items():
        source = again.as_data_source(split)
        assert len(source) == again.info.splits[split].num_examples == len(images)
        for example, image, label in zip(source, images, labels, strict=True):
            # The files hold columns; what is prepared holds rows, in the files' order.
            np.testing.assert_array_equal(example["image"], image.T)
            assert example["label"] == label


@pytest.mark.slow
def test_mnist_never_meets_the_files_of_tfds_own_mnist(tmp_path, write_mnist):
    write_mnist(tmp_path / "archives")
    builder = prepare("mnist", tmp_path / "archives", tmp_path)
    theirs = tfds.builder_cls("mnist")(data_dir=tmp_path)
    assert theirs.data_path.parent != builder.data_path.parent
    assert not theirs.data_path.exists()
    assert tfds.builder_cls("jaxletters_mnist") is type(builder)


@pytest.mark.slow
def test_preparing_twice_writes_the_same_records(tmp_path, write_emnist):
    write_emnist(tmp_path / "archives")
    one, two = (
        prepare("emnist_letters", tmp_path / "archives", tmp_path / folder) for folder in "ab"
    )
    for split in ("train", "test"):
        for a, b in zip(records.paths(one, split), records.paths(two, split), strict=True):
            assert a.name == b.name
            assert a.read_bytes() == b.read_bytes()


def test_opening_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    builder_class("mnist")(data_dir=tmp_path)
    assert not list((tmp_path / "tmp").iterdir())


def emnist(folder, part):
    return folder / f"emnist-letters-{part}-ubyte.gz"


def replace_idx(part, change):
    def spoil(folder, idx_bytes, written):
        split, kind = part.split("-")[:2]
        array = written[split][kind == "labels"]
        emnist(folder, part).write_bytes(gzip.compress(idx_bytes(change(array))))

    return spoil


def set_label(value):
    return lambda labels: np.concatenate([labels[:-1], np.full(1, value, np.uint8)])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (replace_idx("test-labels-idx1", lambda a: a[:-1]), "expected 30 labels, .* found 29"),
        (replace_idx("train-images-idx3", lambda a: a[:7]), "expected 7 labels, .* found 60"),
        (replace_idx("train-labels-idx1", set_label(0)), "labels 1 to 26, found 0 to"),
        (replace_idx("test-labels-idx1", set_label(27)), "labels 1 to 26, found .* to 27"),
        (replace_idx("test-images-idx3", lambda a: a[:, :27]), r"found \(27, 28\)"),
        (replace_idx("test-images-idx3", lambda a: a[0, 0]), "magic number 00000803"),
        (
            lambda folder, *_: emnist(folder, "train-images-idx3").write_text("<html>"),
            "gzip-compressed",
        ),
        (
            lambda folder, *_: os.truncate(emnist(folder, "test-images-idx3"), 1000),
            "gzip-compressed",
        ),
    ],
)
def test_foreign_idx_files_are_refused_and_nothing_is_half_prepared(
    tmp_path, write_emnist, idx_bytes, spoil, said
):
    folder = tmp_path / "archives"
    spoil(folder, idx_bytes, write_emnist(folder))
    with pytest.raises(UserError, match=said) as error:
        prepare("emnist_letters", folder, tmp_path)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert not list((tmp_path / "jaxletters_emnist_letters").iterdir())


@pytest.mark.slow
def test_alpha_letters_are_the_letters_in_the_order_of_the_file(tmp_path, write_alpha_digits):
    pixels = write_alpha_digits(tmp_path / "archives")
    builder = prepare("alpha_letters", tmp_path / "archives", tmp_path)
    images, labels = records.load(builder, "train", (20, 16))
    np.testing.assert_array_equal(images, 255 * pixels[10:].reshape(26 * 39, 20, 16))
    np.testing.assert_array_equal(labels, [c for c in range(1, 27) for _ in range(39)])


def enormous_mat(path, inside):
    """A small file whose cells, or the one inside of its first cell, say that they are 2**31 many."""
    cells = np.empty((36, 39), object)
    for place in np.ndindex(*cells.shape):
        cells[place] = np.zeros((20, 16), np.uint8)
    cells[0, 0] = np.full((3, 5), 0, object)
    file = path / "binaryalphadigs.mat"
    scipy.io.savemat(file, {"dat": cells})
    shape = struct.pack("<2i", *((3, 5) if inside else (36, 39)))
    file.write_bytes(file.read_bytes().replace(shape, struct.pack("<2i", 2**16, 2**15), 1))


def mat_with(path, **variables):
    scipy.io.savemat(path / "binaryalphadigs.mat", variables, do_compression=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder, _: mat_with(folder, other=np.zeros(3)), "`dat`, 36 x 39 cells"),
        (
            lambda folder, _: mat_with(folder, dat=np.zeros((36, 39))),
            "20 x 16 zeros and ones",
        ),
        # 65 kilobytes.
        (
            lambda folder, _: mat_with(folder, dat=np.zeros((8192, 8193), np.uint8)),
            "67,108,864 bytes .*found .*67,117,",
        ),
        (lambda folder, _: enormous_mat(folder, inside=False), r"shape \(65536, 32768\)"),
        (
            lambda folder, _: enormous_mat(folder, inside=True),
            r"shape \(65536, 32768\) and class 1",
        ),
        (lambda folder, write: write(folder, classes=26), r"shape \(26, 39\)"),
        (lambda folder, write: write(folder, shape=(16, 20)), "20 x 16 zeros and ones"),
        (lambda folder, write: write(folder, ink=255), "20 x 16 zeros and ones"),
        (
            lambda folder, _: (folder / "binaryalphadigs.mat").write_text("<html>" * 99),
            "`dat`, 36 x 39 cells",
        ),
        (lambda folder, _: (folder / "binaryalphadigs.mat").write_bytes(b""), "found damage"),
        (
            lambda folder, _: os.truncate(folder / "binaryalphadigs.mat", 100_000),
            "found damage",
        ),
    ],
)
def test_foreign_mat_files_are_refused(tmp_path, write_alpha_digits, spoil, said):
    folder = tmp_path / "archives"
    write_alpha_digits(folder)
    spoil(folder, write_alpha_digits)
    with pytest.raises(UserError, match=said) as error:
        prepare("alpha_letters", folder, tmp_path)
    assert "\n" not in str(error.value)
    assert "binaryalphadigs.mat" in str(error.value)


@pytest.mark.slow
def test_tensorflow_is_never_imported_and_tfds_only_to_load(tmp_path, write_mnist):
    write_mnist(tmp_path / "archives")
    code = f"""
import sys
import tempfile
from jaxletters.data import datasets
from jaxletters.config.builtin_sources import BUILTIN, Mnist
for source in BUILTIN.values():
    source.info()
assert "tensorflow_datasets" not in sys.modules
config = Mnist(archives={str(tmp_path / "archives")!r}, data_dir={str(tmp_path)!r})
assert len(datasets.load(config, "train").images) == 40
assert "tensorflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])

"""The course's own files are read, whatever form their pixels and labels have; others are refused."""

import io
import zipfile

import numpy as np
import pytest

from jaxletters import data, manifest
from jaxletters.data import npz, portions
from jaxletters.errors import UserError
from jaxletters.sources import Arrays


def letters(n, pixels=784, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, pixels)).astype(np.uint8), 1 + np.arange(n, dtype=np.int64) % 26


def one_hot(labels):
    return np.eye(27)[labels]


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def course(tmp_path):
    """A file as the course hands it out, and what is in it."""
    splits = {
        name: letters(n, seed=n) for name, n in (("train", 156), ("validate", 52), ("test", 26))
    }
    arrays = {}
    for name, (images, labels) in splits.items():
        arrays |= {f"{name}_images": images, f"{name}_labels": one_hot(labels)}
    return save(tmp_path / "emnist_letters.npz", **arrays), splits


def assert_is(dataset, written, shape=(28, 28)):
    images, labels = written
    np.testing.assert_array_equal(dataset.images, images.reshape(-1, *shape))
    np.testing.assert_array_equal(dataset.labels, labels)
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint8, np.int32)


def test_its_own_splits_are_the_ones_used(course):
    path, written = course
    config = Arrays(path)
    source = data.Splits(config)
    train, validation = map(source.take, portions.training(source, seed=0))
    assert_is(train, written["train"])
    assert_is(validation, written["validate"])
    assert_is(source.take(portions.test(source, seed=0)), written["test"])
    about = manifest.describe_data(source, source.names)
    assert about["note"] == "from emnist_letters.npz"
    assert set(about["splits"]) == {"train", "validation", "test"}


@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("flat", [True, False])
def test_bits_are_ink_whatever_their_numbers(tmp_path, scale, flat):
    bits = np.random.default_rng(0).integers(0, 2, (52, 320))
    labels = 1 + np.arange(52) % 26
    shaped = bits * scale if flat else (bits * scale).reshape(-1, 20, 16).astype(np.float32)
    path = save(tmp_path / "binaryalphadigs.npz", images=shaped, labels=one_hot(labels))
    config = Arrays(path)
    assert data.split_names(config) == ["train"]
    assert_is(data.load(config, "train"), (bits * 255, labels), (20, 16))


IMAGES, LABELS = letters(26)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x_train": IMAGES, "y_train": LABELS}, "found x_train, y_train"),
        ({"images": letters(26, 320)[0], "labels": LABELS}, "found uint8 [26, 320]"),
        ({"images": IMAGES, "labels": LABELS[:25]}, "found [25]"),
        ({"images": IMAGES, "labels": LABELS - 1}, "found 0 to 25"),
        ({"images": IMAGES, "labels": 2 * one_hot(LABELS)}, "a single 1 in each row"),
        ({"images": IMAGES.astype(float) - 1, "labels": LABELS}, "found -1 to 254"),
        ({"images": IMAGES.astype(str), "labels": LABELS}, "found <U3"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, arrays, expected):
    path = save(tmp_path / "letters.npz", **arrays)
    with pytest.raises(UserError) as caught:
        data.load(Arrays(path), "train")
    (line,) = str(caught.value).splitlines()
    assert path in line
    assert expected in line


@pytest.mark.parametrize("content", [None, b"", b"not a zip file", b"PK\x03\x04 torn"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "letters.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"letters\.npz: expected a NumPy \.npz file, found (no|other)"
    ):
        data.load(Arrays(str(path)), "train")


def rewritten(path, name, content):
    """The archive of sound letters with other bytes as one of its members."""
    save(path, images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for each, before in members.items():
            file.writestr(each, content if each == f"{name}.npy" else before)


def npy(shape, payload):
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + payload


@pytest.mark.parametrize("name", ["images", "labels"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html></html>",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\x02\x00{(",
        npy((26, 28, 28), b"short"),
        npy((2**60, 28, 28), b"short"),
        npy((-1, 784), b"short"),
    ],
)
def test_a_member_that_is_no_array_is_refused(tmp_path, name, content):
    path = tmp_path / "letters.npz"
    rewritten(path, name, content)
    with pytest.raises(UserError, match=rf"letters\.npz: (expected )?{name} "):
        data.load(Arrays(str(path)), "train")


def test_pickled_objects_are_refused(tmp_path):
    path = save(tmp_path / "letters.npz", images=np.array([{}] * 26, object), labels=LABELS)
    with pytest.raises(UserError, match=r"images cannot be read .*allow_pickle"):
        data.load(Arrays(path), "train")


def test_what_says_that_it_is_enormous_is_not_inflated(tmp_path, monkeypatch):
    path = save(tmp_path / "letters.npz", images=IMAGES, labels=LABELS)
    monkeypatch.setattr(npz, "_MOST_BYTES", IMAGES.nbytes)
    with pytest.raises(UserError, match=r"at most 20,384 bytes, found one of 20,512; "):
        data.load(Arrays(path), "train")


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.array([*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]), "<U1 .'A', "),
        (np.array([*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]).astype("S"), r".S1 .b'A', "),
        (np.arange(26).astype("datetime64[D]"), "datetime64.D. .datetime.date"),
        (np.arange(26).astype([("label", int)]), r".*label.* \(\(0,\), "),
        (np.arange(26).astype(complex), "complex128 .0j, "),
        (np.full((26, 27), "0"), "<U1 .'0', "),
    ],
    ids=["text", "bytes", "dates", "records", "complex", "one-hot text"],
)
def test_labels_that_are_no_numbers_are_one_line(tmp_path, labels, found):
    images, _ = letters(26)
    path = save(tmp_path / "letters.npz", images=images, labels=labels)
    expected = f"labels: expected numbers, 1 to 26 or one-hot, found {found}"
    with pytest.raises(UserError, match=expected) as raised:
        data.load(Arrays(path), "train")
    assert "\n" not in str(raised.value)

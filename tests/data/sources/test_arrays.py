"""Arrays and files are read in the forms that people have them, or refused in one line."""

import csv
import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxletters.config.sources import Arrays
from jaxletters.core.errors import UserError
from jaxletters.data.formats import alphabets, array_files
from jaxletters.data.sources import arrays

CAPITALS = alphabets.CAPITALS


def letters(copies=4, side=28, seed=0):
    """Noisy images of 26 patterns, uint8 `[n, side, side]`, from 0 to 255; labels 1 to 26."""
    rng = np.random.default_rng(seed)
    patterns = np.kron(rng.integers(0, 2, (26, 7, 7)), np.ones((side // 7, side // 7), int)) * 255
    labels = np.tile(np.arange(1, 27), copies)
    images = patterns[labels - 1] + rng.normal(0, 30, (len(labels), side, side))
    return np.clip(images, 0, 255).astype(np.uint8), labels


X, Y = letters()


def save(path, **held):
    np.savez(path, **held)
    return str(path)


def refusal(*settings, **more):
    """The one line that refuses a dataset."""
    with pytest.raises(UserError) as caught:
        arrays.load(Arrays(*settings, **more))
    message = str(caught.value)
    assert "\n" not in message
    return message


def split_of(source, split="train"):
    images, labels = source.read(split)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert not images.flags.writeable
    assert not labels.flags.writeable
    assert images.shape[1:] == source.info().image_shape
    return images, labels


def assert_reads(source, images, labels, names=alphabets.LETTERS, said="", split="train"):
    read, classes = split_of(source, split)
    np.testing.assert_array_equal(read, images)
    np.testing.assert_array_equal(classes, labels)
    info = source.info()
    assert info.class_names == tuple(names)
    assert said in " ".join(info.remarks)
    return info


def texts(value):
    return value if isinstance(value, str) else ""


GUESS = (
    "Labels 1 to 26 are taken for A to Z as in EMNIST Letters, which is a guess; set class_names"
)
GREY = "three channels of the images are equal"
PLAIN = {
    "plain": (X, GUESS),
    # What is wrong with their content is said before training, whatever the source.
    "transposed": (X.transpose(0, 2, 1), GUESS),
    "mirrored": (X[:, :, ::-1], GUESS),
    "inverted": (255 - X, GUESS),
    "all_zero": (0 * X, GUESS),
    "edge32": (np.pad(X, ((0, 0), (2, 2), (2, 2))), GUESS),
}
FORMS = {
    "channels_first": (X[:, None], GUESS),
    "channels_last": (X[..., None], GUESS),
    "colour": (np.repeat(X[..., None], 3, -1), GREY),
    "colour_first": (np.repeat(X[:, None], 3, 1), GREY),
    "opaque": (np.concatenate([*[X[..., None]] * 3, 0 * X[..., None] + 255], -1), "read as white"),
    "bits16": (X.astype(np.uint16) * 257, "Pixels have 16 bits; they are divided by 257."),
    "minus1_to_1": (X / 127.5 - 1, "Pixels are -1 to 1; they are read as 0 to 255."),
    "zero_to_1": (X / 255, GUESS),
    "int64": (X.astype(np.int64), GUESS),
    "flat": (X.reshape(len(X), 784), GUESS),
    "columns": (X.reshape(len(X), 784).T, "Each column is read as an image"),
}
FROM_0 = "labels begin at 0 here, at 1 in EMNIST Letters"
LABELS = {
    "labels_from_0": (Y - 1, Y - 1, CAPITALS, FROM_0),
    "labels_letters": (np.array([chr(64 + i) for i in Y]), Y - 1, CAPITALS, ""),
    "labels_bytes": (np.array([bytes([64 + i]) for i in Y]), Y - 1, CAPITALS, ""),
    "labels_ascii": (Y + 64, Y - 1, CAPITALS, "codes of characters, which is a guess"),
    "labels_onehot26": (np.eye(26)[Y - 1], Y - 1, CAPITALS, "0 to 25 are taken for A to Z"),
    "labels_onehot27": (np.eye(27)[Y], Y, alphabets.LETTERS, GUESS),
    "labels_float": (Y.astype(float), Y, alphabets.LETTERS, GUESS),
    "labels_uint64": (Y.astype(np.uint64), Y, alphabets.LETTERS, GUESS),
    "labels_column": (Y[:, None], Y, alphabets.LETTERS, GUESS),
    "classes36": (np.arange(104) % 36, np.arange(104) % 36, map(str, range(36)), ""),
    "digits": (np.arange(104) % 10, np.arange(104) % 10, "0123456789", ""),
    "bools": (Y % 2 == 1, Y % 2, "01", ""),
    "from_1": (Y % 5 + 1, Y % 5, "12345", ""),
    "gaps": (
        Y % 3 * 7 + 2,
        Y % 3,
        ("2", "9", "16"),
        "the 3 that occur from 2 to 16",
    ),
    "both_cases": (np.array([*"aB"] * 52), np.tile([1, 0], 52), "Ba", ""),
    "any_script": (np.array([*"あア"] * 52), np.tile([0, 1], 52), "あア", ""),
    "natural_order": (np.array(["u10", "u9"] * 52), np.tile([1, 0], 52), ("u9", "u10"), ""),
}


@pytest.mark.parametrize("case", PLAIN)
def test_images_are_read_as_they_are(tmp_path, case):
    images, said = PLAIN[case]
    path = save(tmp_path / "letters.npz", images=images, labels=Y)
    assert_reads(Arrays(path), images, Y, said=said)


@pytest.mark.parametrize("case", FORMS)
def test_images_in_any_form_are_the_same(tmp_path, case):
    images, said = FORMS[case]
    path = save(tmp_path / "letters.npz", images=images, labels=Y)
    assert_reads(Arrays(path), X, Y, said=said)
    assert_reads(Arrays(images, Y), X, Y, said=said)


@pytest.mark.parametrize("case", LABELS)
def test_labels_in_any_form_are_classes(tmp_path, case):
    labels, expected, names, said = LABELS[case]
    path = save(tmp_path / "letters.npz", images=X, labels=labels)
    names = tuple(names)
    assert_reads(Arrays(path), X, expected, names, said)
    assert_reads(Arrays(X, labels), X, expected, names, said)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.array([(i, 0) for i in Y], [("class", int), ("writer", int)]), "('class', '<i8')"),
        (np.datetime64("2020-01-01") + Y, "datetime64[D]"),
        (Y * 1j, "complex128"),
        (Y[:-1], "expected 103 images, one per label, found an array of shape [104, 28, 28]"),
        (Y + 0.5, "expected whole numbers, one per class, found values from 1.5 to 26.5"),
        (np.where(Y == 1, np.nan, Y), "found values from nan to nan"),
        (np.where(Y == 1, 2**40, Y), "found values from 2 to 1099511627776"),
        (np.eye(27)[Y] * 2, "a single 1 in each row of 27"),
        (np.eye(27)[Y] + np.eye(27)[0], "a single 1 in each row of 27"),
        (np.full((104, 27), "0"), "found [104, 27]"),
        (np.arange(104), "104 different labels of 104 images; is it a quantity to predict"),
        (np.where(Y == 1, "", "a"), "expected names of classes, found ''"),
        (np.where(Y == 1, "a\nb", "a"), r"found 'a\nb'"),
        (np.eye(10_001, dtype=bool)[Y], "at most 10,000 classes"),
        (np.array([b"\xff", b"a"] * 52), "expected text in UTF-8"),
        (np.empty(0, int), "found an empty array"),
    ],
    ids=texts,
)
def test_what_is_no_label_is_refused(tmp_path, labels, found):
    path = save(tmp_path / "letters.npz", images=X, labels=labels)
    message = refusal(path)
    assert found in message
    assert path in message


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (X.astype(float) - 1, "found -1 to 254"),
        (X.astype(np.int16) * 2, "found 0 to 510"),
        (X.astype(np.uint16) * 16, "found 0 to 4080"),
        (X / 255 - 0.5, "found -0.5 to 0.5"),
        (X / 100, "found 0 to 2.55"),
        (np.where(X == 9, np.nan, X), "found nan to nan"),
        (np.where(X == 9, np.inf, X), "found 0 to inf"),
        (X.astype(str), "found <U3"),
        (X * 1j, "found complex128"),
        (X[:, :, :, None].repeat(2, -1), "found [104, 28, 28, 2]"),
        (X[:, :27].reshape(104, -1), "found [104, 756]"),
        (X[:, 0, 0], "found [104]"),
        (X[:, :0], "found an array of shape [104, 0, 28]"),
    ],
    ids=texts,
)
def test_what_is_no_image_is_refused(tmp_path, images, found):
    message = refusal(save(tmp_path / "letters.npz", images=images, labels=Y))
    assert found in message
    assert "letters.npz" in message


def test_few_classes_are_read_for_the_checks_of_all_sources(tmp_path):
    one = save(tmp_path / "one_class.npz", images=X[Y == 1], labels=Y[Y == 1])
    assert_reads(Arrays(one), X[Y == 1], 0 * Y[Y == 1], ("1",))
    few = np.flatnonzero(Y < 3)[:5]
    path = save(tmp_path / "few.npz", images=X[few], labels=Y[few])
    assert_reads(Arrays(path), X[few], Y[few] - 1, ("1", "2"))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (("x_train", "y_train"), ("x_test", "y_test")),
        (("X_Train", "Y_Train"), ("X_Test", "Y_Test")),
        (("train_images", "train_labels"), ("test_images", "test_labels")),
        (("arr_0", "arr_1"), ("arr_2", "arr_3")),
        (("images", "labels"), None),
        (("x", "y"), None),
        (("X", "Y"), None),
        (("data", "target"), None),
        (("arr_0", "arr_1"), None),
    ],
)
def test_usual_names_are_known(tmp_path, train, test):
    # As in same_image_in_two_splits: both are read.
    held = dict(zip(train, (X, Y), strict=True))
    if test:
        held |= dict(zip(test, (X[::2], Y[::2]), strict=True))
    source = Arrays(save(tmp_path / "letters.npz", **held))
    assert_reads(source, X, Y)
    assert source.info().splits == (("train", "test") if test else ("train",))
    if test:
        assert_reads(source, X[::2], Y[::2], split="test")


@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_validation_examples_are_found(tmp_path, word):
    held = {"x_train": X, "y_train": Y, f"x_{word}": X[:9], f"y_{word}": Y[:9], "writers": Y}
    source = Arrays(save(tmp_path / "letters.npz", **held))
    info = assert_reads(source, X[:9], Y[:9], split="validation", said="writers: not read")
    assert info.splits == ("train", "validation")


def test_the_files_of_the_course_are_read(tmp_path):
    hot = np.eye(27)[Y]
    held = {f"{split}_images": X.reshape(-1, 784) for split in ("train", "validate", "test")}
    held |= {f"{split}_labels": hot for split in ("train", "validate", "test")}
    source = Arrays(save(tmp_path / "emnist_letters.npz", **held))
    assert source.info().splits == ("train", "validation", "test")
    assert_reads(source, X, Y, split="validation")
    bits = np.random.default_rng(0).integers(0, 2, (104, 320)).astype(np.uint8)
    path = save(tmp_path / "binaryalphadigs.npz", images=bits, labels=hot)
    assert_reads(Arrays(path), 255 * bits.reshape(-1, 20, 16), Y, said="Binary AlphaDigits")


def test_other_names_are_listed(tmp_path):
    held = {"pictures": X, "classes": Y}
    message = refusal(save(tmp_path / "letters.npz", **held))
    assert "expected arrays x_train and y_train" in message
    assert "found pictures, classes" in message


def test_pairs_of_files_and_of_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.savez(tmp_path / "x.npz", X)
    np.savetxt(tmp_path / "y.csv", Y, "%d")
    for images in ("x.npy", "x.npz"):
        for labels in ("y.npy", "y.csv"):
            source = Arrays(str(tmp_path / images), str(tmp_path / labels))
            assert_reads(source, X, Y)
    assert "expected labels" in refusal(
        tmp_path / "x.npy", Y, test_images=X[:5], test_labels=["a"] * 5
    )
    source = Arrays(tmp_path / "x.npy", Y, test_images=X[:5], test_labels=Y[:5])
    assert_reads(source, X[:5], Y[:5], split="test")
    assert "name the other" in refusal(tmp_path / "x.npy")
    assert "labels: expected the labels" in refusal(X)
    assert "check the path" in refusal(tmp_path / "nothing.npy")


def test_a_test_file_of_its_own_comes_before_the_one_inside(tmp_path):
    path = save(tmp_path / "both.npz", x_train=X, y_train=Y, x_test=X[:9], y_test=Y[:9])
    other = save(tmp_path / "other.npz", x_test=X[9:20], y_test=Y[9:20])
    source = Arrays(path, test_images=other)
    assert_reads(source, X[9:20], Y[9:20], split="test", said="both.npz")
    assert "config.dataset.test_images" in refusal(other)


def test_pandas_columns_of_text_are_labels():
    names = np.array([chr(64 + i) for i in Y], object)
    assert_reads(Arrays(X, names), X, Y - 1, CAPITALS)


@pytest.mark.parametrize(
    "images",
    [[[1], [1, 2]], np.array([{}] * 104, object), Y.astype("datetime64[D]")],
    ids=lambda images: type(images).__name__,
)
def test_objects_in_memory_are_refused(images):
    with pytest.raises(UserError, match=r"config\.dataset: expected arrays"):
        Arrays(images, Y)


def test_splits_are_of_one_form():
    bits = X // 255
    # A split that is dim by chance is not made bright, nor another one's colour taken away.
    source = Arrays(X, Y, test_images=bits, test_labels=Y)
    assert_reads(source, bits, Y, split="test")
    colour = np.stack([X, 255 - X, X], -1)
    source = Arrays(X, Y, test_images=colour, test_labels=Y)
    assert_reads(source, colour, Y, split="test")
    assert_reads(source, np.repeat(X[..., None], 3, -1), Y)
    assert "found (14, 28)" in refusal(X, Y, test_images=X[:, ::2], test_labels=Y)
    assert "expected labels 1, 2, 3, ..., 26, found 0" in refusal(
        X, Y, test_images=X, test_labels=Y - 1
    )


def test_transparency_is_white_paper():
    alpha = np.where(X > 100, 255, 0).astype(np.uint8)
    images = np.stack([X // 2, X // 3, X, alpha], -1)
    expected = np.where(alpha[..., None] > 0, images[..., :3], np.uint8(255))
    assert_reads(Arrays(images, Y), expected, Y, said="read as white")


def test_ink_and_orientation():
    source = Arrays(255 - X.transpose(0, 2, 1), Y, ink="dark", orientation="transposed")
    assert_reads(source, X, Y, said="inverted")


class TestClassNames:
    NAMES = ("ka", "ki", "ku", "ke", "ko")

    @pytest.mark.parametrize(
        ("labels", "names", "expected", "said"),
        [
            (Y % 5, NAMES, Y % 5, ""),
            (Y % 5 + 1, NAMES, Y % 5, "Labels begin at 1; 1 is ka"),
            (Y % 5 + 1, ("N/A", *NAMES), Y % 5 + 1, ""),
            (np.eye(5)[Y % 5], NAMES, Y % 5, ""),
            (np.eye(6)[Y % 5 + 1], NAMES, Y % 5, "Labels begin at 1; 1 is ka"),
            (np.array(NAMES)[Y % 5], NAMES[::-1], 4 - Y % 5, ""),
            (Y % 3, NAMES, Y % 3, ""),
            (Y % 3 + 1, NAMES, Y % 3 + 1, "No label is 0, so no image is of ka"),
            (Y % 5 + 97, tuple("abcde"), Y % 5, "Labels are read as codes of characters."),
            (Y - 1, tuple("zyxwvutsrqponmlkjihgfedcba"), Y - 1, ""),
            (np.arange(104), tuple(map(str, range(104))), np.arange(104), ""),
        ],
    )
    def test_that_fit(self, labels, names, expected, said):
        info = assert_reads(Arrays(X, labels, names), X, expected, names, said)
        assert said or not info.remarks

    @pytest.mark.parametrize(
        ("labels", "names", "found"),
        [
            (Y, NAMES, "found labels 1 to 26"),
            (Y % 5 - 1, NAMES, "found labels -1 to 3"),
            (Y % 6, NAMES, "found labels 0 to 5"),
            (np.eye(7)[Y % 5], NAMES, "found 7 columns"),
            (np.eye(6)[Y % 5], NAMES, "found 6 columns"),
            (np.array(NAMES)[Y % 5], NAMES[1:], "found 'ka'"),
            (Y % 2, ("a", "a"), "found some twice"),
        ],
    )
    def test_that_do_not(self, labels, names, found):
        assert found in refusal(X, labels, names)


def idx(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    "content",
    [
        idx(X),
        gzip.compress(idx(X)),
        gzip.compress(idx(X)[:999]) + gzip.compress(idx(X)[999:]),
        gzip.compress(idx(X)) + bytes(100),
    ],
    ids=["plain", "compressed", "two members", "trailing zeros"],
)
def test_idx_files(tmp_path, content):
    (tmp_path / "images-idx3-ubyte.gz").write_bytes(content)
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(Y.astype(np.uint8)))
    source = Arrays(tmp_path / "images-idx3-ubyte.gz", tmp_path / "labels-idx1-ubyte")
    assert_reads(source, X, Y, said=GUESS)


def write_csv(path, labels, images, header=(), end="\r\n"):
    rows = [[a, *b] for a, b in zip(labels, images.reshape(len(images), -1).tolist(), strict=True)]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator=end).writerows([header] * bool(header) + rows)
    return path


HEADER = ["label", *(f"pixel{i}" for i in range(784))]


@pytest.mark.slow
@pytest.mark.parametrize("header", [(), HEADER])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("compressed", [False, True])
def test_csv_as_kaggle_has_it(tmp_path, header, end, compressed):
    path = write_csv(tmp_path / "train.csv", Y.tolist(), X, header, end)
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert_reads(Arrays(path), X, Y, said=GUESS)


def test_csv_with_other_columns(tmp_path):
    names = [chr(64 + i) for i in Y]
    assert_reads(Arrays(write_csv(tmp_path / "a.csv", names, X)), X, Y - 1, CAPITALS)
    last = write_csv(tmp_path / "b.csv", Y.tolist(), X)
    rows = [line.partition(",")[::2] for line in last.read_text().split()]
    head = ",".join([*HEADER[1:], "class"])
    last.write_text("\ufeff" + "\n".join([head, *(f'{b},"{a}"' for a, b in rows)]))
    assert_reads(Arrays(last), X, Y)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("\n\n", "no lines"),
        (",".join(HEADER), "a header and no lines"),
        (
            "\n".join([",".join(HEADER[1:])] + [",".join(["7"] * 784)] * 3),
            "784 columns, which are pixels",
        ),
        ("1,2,3,4\n" * 3, "4 columns, which are pixels without labels"),
        ("1,2,3\n" * 3, "3 columns, no square"),
        ("1,2,3,4,5\n1,2,3\n", "number of columns changed"),
        ("1,2,3,4,5\n1,2,,4,5\n", "could not convert"),
        ("1,2,3,4,5\n1,2,x,4,5\n", "could not convert"),
        ("1,2,3,4,5\n1,2,nan,4,5\n2,1,1,1,1\n2,1,1,1,1\n", "found nan to nan"),
        ("<html>", "other content"),
        ("\x80\x04 pickled", "other content"),
    ],
)
def test_csv_of_something_else_is_refused(tmp_path, text, found):
    (tmp_path / "test.csv").write_text(text, "latin-1")
    message = refusal(tmp_path / "test.csv")
    assert found in message
    assert "test.csv" in message


def emnist_mat(path, images, labels, mapping, compressed=False):
    """Writes a file as NIST does: rows of pixels, column by column."""
    part = {"images": images.reshape(len(images), -1, order="C"), "labels": labels[:, None]}
    part["images"] = images.transpose(0, 2, 1).reshape(len(images), -1)
    part["writers"] = labels[:, None].astype(float)
    dataset = {"train": part, "test": part, "mapping": mapping}
    scipy.io.savemat(path, {"other": 1, "dataset": dataset}, do_compression=compressed)
    return path


LETTER_MAPPING = np.c_[np.arange(1, 27), np.arange(65, 91), np.arange(97, 123)]
DIGIT_MAPPING = np.c_[np.arange(10), np.arange(48, 58)].astype(float)


@pytest.mark.parametrize("compressed", [False, True])
def test_nists_mat_files(tmp_path, compressed):
    path = emnist_mat(tmp_path / "a.mat", X, Y.astype(np.uint8), LETTER_MAPPING, compressed)
    info = assert_reads(Arrays(path), X, Y, said="they are turned", split="test")
    assert (info.splits, info.fit) == (("train", "test"), "emnist")
    path = emnist_mat(tmp_path / "a.mat", X, Y % 10, DIGIT_MAPPING, compressed)
    assert_reads(Arrays(path), X, Y % 10, "0123456789")
    assert_reads(Arrays(path, orientation="transposed"), X, Y % 10, "0123456789")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda _, mapping: mapping[3:], "0 or 1 and up"),
        (lambda _, mapping: mapping * [1, 0, 1], "no characters"),
        (lambda _, mapping: mapping.astype(object), "no matrix dataset.mapping"),
        (lambda images, _: {"images": images}, "no matrix dataset.mapping"),
    ],
)
def test_other_mat_files_are_refused(tmp_path, spoil, found):
    path = emnist_mat(tmp_path / "a.mat", X, Y, spoil(X, LETTER_MAPPING))
    assert found in refusal(path)
    scipy.io.savemat(path, {"images": X})
    assert "no variable dataset" in refusal(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(999))
    assert "save -v7" in refusal(path)


def test_emnists_own_files_are_turned_upright(tmp_path):
    lying = X.transpose(0, 2, 1)
    path = write_csv(tmp_path / "emnist-letters-train.csv", Y.tolist(), lying)
    said = "emnist-letters-train.csv holds transposed images"
    assert_reads(Arrays(path), X, Y, said=said)
    assert_reads(Arrays(path, orientation="transposed"), X, Y)
    assert_reads(Arrays(path.rename(tmp_path / "letters.csv")), lying, Y)
    path = tmp_path / "emnist-bymerge-test-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.ascontiguousarray(lying))))
    names = alphabets.EMNIST["bymerge"]
    assert_reads(Arrays(path, Y % 20), X, Y % 20, names, "turned")


def test_emnists_classes():
    assert [len(names) for names in alphabets.EMNIST.values()] == [27, 47, 62, 47, 10, 10]
    assert "".join(alphabets.EMNIST["balanced"][36:]) == "abdefghnqrt"
    assert alphabets.EMNIST["byclass"][10] + alphabets.EMNIST["byclass"][36] == "Aa"
    assert alphabets.of_file("emnist-byclass-train.csv") == alphabets.EMNIST["byclass"]
    assert alphabets.of_file("emnist-letters.csv") == alphabets.LETTERS
    assert alphabets.of_file("emnist.csv") == alphabets.of_file("kmnist-letters.csv") == ()


def test_mnist_is_the_same_from_npz_csv_and_idx(tmp_path):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (2, 60, 28, 28)).astype(np.uint8)
    labels = rng.integers(0, 10, (2, 60)).astype(np.uint8)
    (x, test_x), (y, test_y) = images, labels
    npz = save(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=test_x, y_test=test_y)
    files = {"train": (x, y), "test": (test_x, test_y)}
    for split, (pixels, classes) in files.items():
        write_csv(tmp_path / f"mnist_{split}.csv", classes.tolist(), pixels, HEADER)
        (tmp_path / f"{split}-images-idx3-ubyte").write_bytes(idx(pixels))
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(idx(classes))
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    train, test = ([tmp_path / f"{split}-{kind}" for kind in kinds] for split in files)
    every = [
        Arrays(npz),
        Arrays(tmp_path / "mnist_train.csv", test_images=tmp_path / "mnist_test.csv"),
        Arrays(*train, test_images=test[0], test_labels=test[1]),
        Arrays(x, y, test_images=test_x, test_labels=test_y),
    ]
    for source in every:
        for split, (pixels, classes) in files.items():
            assert_reads(source, pixels, classes, "0123456789", split=split)
        assert source.info() == every[0].info()


def test_files_are_read_once_until_they_change(tmp_path, monkeypatch):
    path = save(tmp_path / "letters.npz", images=X, labels=Y)
    source, read = Arrays(path), []
    monkeypatch.setattr(
        array_files, "read", lambda path, read_=array_files.read: read.append(path) or read_(path)
    )
    for _ in range(2):
        source.info()
        source.read("train")
    assert len(read) == 1
    save(tmp_path / "letters.npz", images=255 - X, labels=Y)
    assert_reads(source, 255 - X, Y)
    assert len(read) == 2


NAMES = tuple("abcde")
# -: from -1 to 1; .: from 0 to 1.
DTYPES = ["u1", "i8", ">i2", "f4", "f2", "f8", "u2", "-f4", "-f8", ".f2", ".f4", ".f8"]


@st.composite
def forms(draw):
    """Images and labels of five classes, and the same in another form."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    n, side = draw(st.integers(11, 24)), draw(st.integers(5, 9))
    images = rng.integers(0, 256, (n, side, side)).astype(np.uint8)
    images[0, 0, :2] = 0, 255
    labels = np.arange(n) % len(NAMES)
    colours = draw(st.sampled_from([(), (1,), (3,), (4,)]))
    shaped = np.repeat(images[..., None], colours[0], -1) if colours else images
    if colours == (4,):
        shaped[..., 3] = 255
    layout = draw(st.sampled_from(["last", "first"] if colours else ["square", "rows", "columns"]))
    if layout == "first":
        shaped = np.moveaxis(shaped, -1, 1)
    elif layout != "square" and layout != "last":
        shaped = shaped.reshape(n, -1)
        if layout == "columns" and n != side**2:
            shaped = shaped.T
    dtype = draw(st.sampled_from(DTYPES))
    if dtype[0] == ".":
        shaped = (shaped / 255).astype(dtype[1:])
    elif dtype[0] == "-":
        shaped = (shaped / 127.5 - 1).astype(dtype[1:])
    else:
        shaped = shaped.astype(dtype) * (257 if dtype == "u2" else 1)
    one = np.eye(6, dtype=draw(st.sampled_from(["?", "u1", "f8"])))
    written = {
        "numbers": labels.astype(draw(st.sampled_from(["u1", "i4", "i8", "f4", "f8", ">i4"]))),
        "from 1": labels + 1,
        "column": labels[:, None],
        "one-hot": one[labels, :5],
        "one-hot from 1": one[labels + 1],
        "text": np.array(NAMES)[labels],
        "bytes": np.array(NAMES, "S3")[labels],
        "codes": labels + ord("a"),
    }
    return images, labels, shaped, written[draw(st.sampled_from(sorted(written)))]


@pytest.mark.slow
@given(forms())
@settings(deadline=None, max_examples=150)
def test_the_form_never_changes_what_is_read(form):
    images, labels, shaped, written = form
    assert_reads(Arrays(shaped, written, NAMES), images, labels, NAMES)


SMALL, SMALL_LABELS = letters(2, 7, 3)


def small_file(kind, folder):
    if kind == "npz":
        np.savez(folder / "a.npz", images=SMALL, labels=SMALL_LABELS)
    elif kind == "compressed npz":
        np.savez_compressed(folder / "a.npz", images=SMALL, labels=SMALL_LABELS)
    elif "csv" in kind:
        write_csv(folder / "a.csv", SMALL_LABELS.tolist(), SMALL, ["label", *map(str, range(49))])
    elif "mat" in kind:
        packed = kind == "compressed mat"
        emnist_mat(folder / "a.mat", SMALL, SMALL_LABELS, LETTER_MAPPING, packed)
    elif kind == "npy":
        np.save(folder / "a.npy", SMALL)
    else:
        (folder / "a.idx").write_bytes(idx(SMALL))
    (path,) = folder.iterdir()
    if kind.startswith("gz "):
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return path


KINDS = ["npz", "compressed npz", "csv", "gz csv", "mat", "compressed mat", "npy", "idx", "gz idx"]
CHECKED = {"npz", "compressed npz", "gz csv", "compressed mat", "gz idx"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_one_line_or_does_not_show(kind, tmp_path):
    path = small_file(kind, tmp_path)
    whole = path.read_bytes()
    alone = kind in ("npy", "idx", "gz idx")

    def read():
        return split_of(Arrays(path, SMALL_LABELS) if alone else Arrays(path))

    sound = read()

    @given(st.data())
    @settings(deadline=None, max_examples=120)
    def damage(data):
        content = bytearray(whole)
        for _ in range(data.draw(st.integers(0, 3))):
            # Half of the damage to the first bytes, where headers are.
            most = data.draw(st.sampled_from([min(300, len(content)), len(content)]))
            content[data.draw(st.integers(0, most - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content) - 1)))
        path.write_bytes(content[:end])
        # The time of the last change may be too coarse to tell.
        arrays._load.cache_clear()
        try:
            found = read()
        except UserError as error:
            message = str(error)
        else:
            message = ""
        assert "\n" not in message
        if message:
            return
        if kind in CHECKED:
            for one, other in zip(found, sound, strict=True):
                np.testing.assert_array_equal(one, other)

    damage()


def npy(shape, payload, descr="|u1"):
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
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
        b"\x93NUMPY\x09\x00\x02\x00{(",
        npy((104, 28, 28), b"short"),
        npy((2**60, 28, 28), b"short"),
        npy((-1, 784), b"short"),
        npy((1,), b"too long"),
        npy((1,), b"\x80\x04N.", "|O"),
    ],
)
def test_a_member_that_is_no_array_is_refused(tmp_path, name, content):
    with zipfile.ZipFile(tmp_path / "letters.npz", "w") as file:
        for each in ("images", "labels"):
            sound = npy((104,), Y.astype(np.uint8).tobytes())
            file.writestr(f"{each}.npy", content if each == name else sound)
    message = refusal(tmp_path / "letters.npz")
    assert f"found {name} that cannot be read (" in message


def test_objects_are_never_unpickled(tmp_path):
    path = save(tmp_path / "letters.npz", images=np.array([{}] * 104, object), labels=Y)
    assert "Python objects, perhaps of rows of several lengths" in refusal(path)
    np.save(tmp_path / "x.npy", np.array([{}] * 104, object))
    assert "an array of Python objects" in refusal(tmp_path / "x.npy", Y)


def test_what_says_that_it_is_enormous_is_not_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "_MOST_BYTES", 10_000)
    monkeypatch.setattr(array_files, "_MOST_INFLATED", 1)
    np.savez_compressed(tmp_path / "a.npz", images=0 * X, labels=Y)
    assert "81,536 bytes where at most 10,000" in refusal(tmp_path / "a.npz")
    path = write_csv(tmp_path / "a.csv", Y.tolist(), 0 * X)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert "lines of more than" in refusal(path)
    path = emnist_mat(tmp_path / "a.mat", 0 * X, Y, LETTER_MAPPING, compressed=True)
    assert "at most 10,000 bytes" in refusal(path)


def test_a_mat_file_that_says_that_it_is_enormous_takes_no_memory(tmp_path):
    path = emnist_mat(tmp_path / "a.mat", X, Y, LETTER_MAPPING)
    shape = struct.pack("<2i", 104, 784)
    path.write_bytes(path.read_bytes().replace(shape, struct.pack("<2i", 2**16, 2**15)))
    assert "cannot reshape" in refusal(path)


def mat_element(kind, content):
    return struct.pack("<2I", kind, len(content)) + content.ljust(-(-len(content) // 8) * 8, b"\0")


def test_cells_in_cells_in_cells_are_refused(tmp_path):
    inner = b""
    head = mat_element(6, struct.pack("<2I", 1, 0)) + mat_element(5, struct.pack("<2i", 1, 1))
    for _ in range(3000):
        inner = mat_element(14, head + mat_element(1, b"") + inner)
    content = mat_element(14, head + mat_element(1, b"dataset") + inner)
    (tmp_path / "a.mat").write_bytes(bytes(124) + b"\0\1IM" + content)
    assert "recursion" in refusal(tmp_path / "a.mat")

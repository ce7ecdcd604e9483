"""Folders of pictures become arrays, as people have them; what is left out or guessed is said."""

import errno
import os
import random
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError
from jaxletters.data import images as pictures
from jaxletters.data.sources import folder

RNG = np.random.default_rng(0)


def digit(value=255, size=(28, 28)):
    """Something bright in the middle of black: uint8 `[h, w]`, no two alike."""
    picture = np.zeros(size, np.uint8)
    inside = picture[size[0] // 4 : -size[0] // 4, size[1] // 3 : -size[1] // 3]
    inside[:] = np.random.default_rng(value).integers(1, 256, inside.shape)
    inside[0, 0] = 255
    return picture


def save(path, picture, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(path, **options)


def two_classes(root, count=3, **options):
    """Writes a folder of classes a and b; returns its images in the order of the examples."""
    written = []
    for c, name in enumerate("ab"):
        for i in range(count):
            written.append(digit(10 * c + i))
            save(root / name / f"{i}.png", written[-1], **options)
    return np.stack(written)


def told(config):
    return " ".join(config.info().remarks)


def test_a_folder_per_class_is_one_split(tmp_path):
    expected = two_classes(tmp_path)
    config = ImageFolder(str(tmp_path))
    info = config.info()
    assert info.splits == ("train",)
    assert info.class_names == ("a", "b")
    assert info.image_shape == (28, 28)
    assert (info.fit, info.remarks) == ("pad", ())
    images, labels = config.read("train")
    np.testing.assert_array_equal(images, expected, strict=True)
    np.testing.assert_array_equal(labels, np.int32([0, 0, 0, 1, 1, 1]), strict=True)


@pytest.mark.parametrize(
    "names",
    [("train", "validation", "test"), ("Train", "VAL", "Test"), ("training", "valid", "testing")],
)
def test_folders_of_splits(names, tmp_path):
    parts = [
        two_classes(tmp_path / name, count) for name, count in zip(names, (4, 2, 3), strict=True)
    ]
    config = ImageFolder(str(tmp_path))
    assert config.info().splits == ("train", "validation", "test")
    for split, expected in zip(config.info().splits, parts, strict=True):
        images, labels = config.read(split)
        np.testing.assert_array_equal(images, expected)
        assert labels.tolist() == sorted(labels)


def test_a_class_may_be_called_train(tmp_path):
    for name in ("car", "train"):
        save(tmp_path / name / "0.png", digit())
    info = ImageFolder(str(tmp_path)).info()
    assert (info.splits, info.class_names) == (("train",), ("car", "train"))


@pytest.mark.slow
@settings(max_examples=10)
@given(st.permutations(range(23)), st.sampled_from(["{}.png", "{:05}.png", "img_{}.png"]))
def test_pictures_numbered_over_all_classes_keep_their_order(tmp_path_factory, order, name):
    root = tmp_path_factory.mktemp("numbered")
    labels = RNG.integers(0, 3, 23)
    labels[:3] = range(3)
    for i in order:
        save(root / str(labels[i]) / name.format(i), digit(i))
    images, found = ImageFolder(str(root)).read("train")
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(images, [digit(i) for i in range(23)])


@pytest.mark.slow
def test_classes_and_files_are_in_natural_order(tmp_path):
    names = ["1", "2", "10", "Z", "a", "b2", "b10", "é", "あ", "𐎀", "ب"]
    files = ["1.png", "x/3.png", "x2.png", "x10.png"]
    for name in random.Random(0).sample(names, len(names)):
        for file in random.Random(name).sample(files, len(files)):
            save(tmp_path / name / file, digit(names.index(name) * 10 + files.index(file)))
    config = ImageFolder(str(tmp_path))
    expected = ["1", "2", "10", "Z", "a", "b2", "b10", "é", "ب", "あ", "𐎀"]
    assert list(config.info().class_names) == expected
    images, labels = config.read("train")
    wanted = [digit(names.index(n) * 10 + files.index(f)) for n in expected for f in files]
    np.testing.assert_array_equal(labels, np.repeat(range(len(names)), len(files)))
    np.testing.assert_array_equal(images, wanted)


def test_the_order_is_not_that_of_the_file_system(tmp_path, monkeypatch):
    two_classes(tmp_path, 12)
    config = ImageFolder(str(tmp_path))
    first = config.read("train")
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = random.sample(list(entries), len(os.listdir(path)))

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    for one, other in zip(first, config.read("train"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_are_composed_however_they_were_saved(tmp_path):
    save(tmp_path / unicodedata.normalize("NFD", "é") / "0.png", digit())
    save(tmp_path / "が" / "0.png", digit())
    assert ImageFolder(str(tmp_path)).info().class_names == ("é", "が")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_names_that_are_no_unicode_are_written_with_escapes(tmp_path):
    two_classes(tmp_path)
    os.mkdir(os.fsencode(tmp_path) + b"/\xe9")
    save(tmp_path / os.fsdecode(b"\xe9") / "0.png", digit())
    assert ImageFolder(str(tmp_path)).info().class_names == ("\\xe9", "a", "b")


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("p.png", "L", {}),
        ("p.png", "P", {}),
        ("p.png", "RGB", {}),
        ("p.png", "RGBA", {}),
        ("p.png", "LA", {}),
        ("p.bmp", "L", {}),
        ("p.gif", "L", {}),
        ("p.TIFF", "L", {}),
        ("p.tif", "CMYK", {}),
        ("p.webp", "RGB", {"lossless": True}),
        ("p.PNG", "I;16", {}),
        ("p.tif", "F", {}),
    ],
)
def test_grey_comes_through_every_format_bit_for_bit(name, mode, options, tmp_path):
    pixels = [digit(1), digit(2)]
    for folder_name, grey in zip("ab", pixels, strict=True):
        if mode == "I;16":
            picture = Image.fromarray(grey.astype(np.uint16) * 257)
        elif mode == "F":
            picture = Image.fromarray(grey.astype(np.float32) / 255)
        else:
            picture = Image.fromarray(grey).convert("RGB" if mode == "CMYK" else mode).convert(mode)
        save(tmp_path / folder_name / name, picture, **options)
    config = ImageFolder(str(tmp_path))
    np.testing.assert_array_equal(config.read("train")[0], pixels)
    assert config.info().remarks == ()


def test_a_jpeg_in_colour_from_a_telephone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, clockwise
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:20] = (200, 30, 30)
    for name in "ab":
        save(tmp_path / name / "p.jpg", colours, quality=98, exif=exif)
    config = ImageFolder(str(tmp_path), size=(60, 40), channels=3)
    assert config.info().image_shape == (60, 40, 3)
    found = config.read("train")[0].astype(int)
    assert np.abs(found - np.rot90(colours, -1)).mean() < 4
    assert config.info().remarks == ()


DARK, LIGHT = (20, 30, 60), (240, 240, 250)


@pytest.mark.parametrize("ink", [DARK, LIGHT])
def test_strokes_on_nothing_stay_visible_and_become_bright(ink, tmp_path):
    for i, name in enumerate("aabb"):
        layered = np.zeros((28, 28, 4), np.uint8)
        layered[digit(i) > 0] = (*ink, 255)
        save(tmp_path / name / f"{i}.png", layered)
    config = ImageFolder(str(tmp_path))
    for image, i in zip(config.read("train")[0], range(4), strict=True):
        assert (image[digit(i) > 0] > 200).all()
        assert (image[digit(i) == 0] == 0).all()
    paper = "white" if ink == DARK else "black"
    assert "ransparent" in told(config)
    assert f"made {paper}" in told(config)
    colours = ImageFolder(str(tmp_path), channels=3).read("train")[0]
    assert (colours[:, 0, 0] == (255 if ink == DARK else 0)).all()
    assert (colours[0][digit(0) > 0] == ink).all()


def test_dark_strokes_are_inverted_and_that_is_said(tmp_path):
    for i, name in enumerate("ab"):
        save(tmp_path / name / "0.png", 255 - digit(i))
    config = ImageFolder(str(tmp_path))
    np.testing.assert_array_equal(config.read("train")[0], [digit(0), digit(1)])
    assert "guess" in told(config)
    assert "set config.dataset.ink=bright" in told(config)
    kept = ImageFolder(str(tmp_path), ink="bright")
    np.testing.assert_array_equal(kept.read("train")[0], [255 - digit(0), 255 - digit(1)])
    assert kept.info().remarks == ()


def test_what_the_settings_say_of_ink_needs_no_guess(tmp_path):
    expected = two_classes(tmp_path)
    config = ImageFolder(str(tmp_path), ink="dark")
    np.testing.assert_array_equal(config.read("train")[0], 255 - expected)
    assert config.info().remarks == ()


def test_where_pictures_disagree_nothing_is_inverted_but_said(tmp_path):
    two_classes(tmp_path, 2)
    save(tmp_path / "a" / "7.png", 255 - digit(7))
    save(tmp_path / "a" / "8.png", 255 - digit(8))
    config = ImageFolder(str(tmp_path))
    np.testing.assert_array_equal(config.read("train")[0][2], 255 - digit(7))
    assert "In 2 of 6" in told(config)
    assert "set config.dataset.ink=dark" in told(config)


@pytest.mark.parametrize("how", ["transposed", "rotated_left", "mirrored"])
def test_pictures_are_turned_before_they_are_brought_to_their_size(how, tmp_path):
    upright = digit(3, (20, 30))
    lying = {
        "transposed": upright.T,
        "rotated_left": np.rot90(upright),
        "mirrored": upright[:, ::-1],
    }[how]
    for name in "ab":
        save(tmp_path / name / "0.png", np.ascontiguousarray(lying))
    config = ImageFolder(str(tmp_path), size=(20, 30), orientation=how)
    np.testing.assert_array_equal(config.read("train")[0], [upright, upright])


def test_other_sizes_and_colour_are_said(tmp_path):
    two_classes(tmp_path, 2)
    colours = np.zeros((50, 30, 3), np.uint8)
    colours[20:30, 10:20] = (255, 120, 0)
    save(tmp_path / "b" / "9.png", colours)
    config = ImageFolder(str(tmp_path), fit="crop")
    assert config.read("train")[0].shape == (5, 28, 28)
    assert told(config).count("1 of 5") == 2
    assert "28x28" in told(config)
    assert "config.dataset.fit=crop" in told(config)
    assert "in colour" in told(config)


def test_each_network_sees_characters_as_it_learned_them(tmp_path):
    for name in "ab":
        save(tmp_path / name / "0.png", 255 - digit(1, (200, 300)))
    for how, room in (("emnist", 24), ("mnist", 20)):
        images, _ = ImageFolder(str(tmp_path), fit=how).read("train")
        assert abs(np.ptp(np.argwhere(images[0] > 100), axis=0).max() + 1 - room) <= 1


def test_junk_is_skipped_and_said(tmp_path):
    expected = two_classes(tmp_path)
    for name in (".DS_Store", "a/Thumbs.db", "b/desktop.ini", "a/._0.png", "read me.txt"):
        (tmp_path / name).write_bytes(b"junk")
    save(tmp_path / "__MACOSX" / "c" / "0.png", digit())
    save(tmp_path / ".cache" / "0.png", digit())
    save(tmp_path / "loose.png", digit())
    (tmp_path / "empty").mkdir()
    config = ImageFolder(str(tmp_path))
    assert config.info().class_names == ("a", "b")
    np.testing.assert_array_equal(config.read("train")[0], expected)
    other, outside, folders = config.info().remarks
    assert "(7 in all)" in other
    assert ".DS_Store" in other
    assert outside.endswith("loose.png.")
    assert folders.endswith("empty.")


def test_damaged_pictures_are_left_out_and_said(tmp_path):
    expected = two_classes(tmp_path, 100)
    whole = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "50x.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a" / "nothing.png").write_bytes(b"")
    (tmp_path / "b" / "page.jpg").write_bytes(b"<html>")
    config = ImageFolder(str(tmp_path))
    images, labels = config.read("train")
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, np.repeat([0, 1], 100))
    (said,) = config.info().remarks
    assert "3 of 203" in said
    assert "a/50x.png, a/nothing.png, b/page.jpg" in said


def test_links_are_followed_but_never_in_circles(tmp_path):
    expected = two_classes(tmp_path / "data")
    save(tmp_path / "elsewhere" / "inner" / "0.png", digit(77))
    root = tmp_path / "data"
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "inner" / "back").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    (root / "gone.png").symlink_to(root / "nowhere.png")
    config = ImageFolder(str(root))
    images, labels = config.read("train")
    np.testing.assert_array_equal(images, [*expected, digit(77)])
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 2]
    for name in ("a/up", "a/self", "back", "gone.png"):
        assert name in told(config)


def test_home_is_expanded(tmp_path, monkeypatch):
    two_classes(tmp_path / "letters")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = ImageFolder("~/letters")
    assert config.name == "letters"
    assert config.info().class_names == ("a", "b")


def nothing(_):
    return "No such file"


def a_file(root):
    root.write_bytes(b"PK")
    return "Not a directory"


def an_empty_folder(root):
    root.mkdir()
    return "found nothing"


def no_pictures(root):
    for name in "ab":
        (root / name).mkdir(parents=True)
        (root / name / "IMG.HEIC").write_bytes(b"heic")
    return "IMG.HEIC"


def a_flat_folder(root):
    for i in range(3):
        save(root / f"{i}.png", digit(i))
    return "found 3 pictures"


def one_class(root):
    save(root / "a" / "0.png", digit())
    return "found 'a' alone"


def damage_alone(root):
    for name in "ab":
        (root / name).mkdir(parents=True)
        (root / name / "0.png").write_bytes(b"no")
    return "found 2 files"


def a_class_to_test_only(root):
    two_classes(root / "train")
    two_classes(root / "test")
    save(root / "test" / "ß" / "0.png", digit())
    return "found also ß"


def no_training_split(root):
    two_classes(root / "test")
    two_classes(root / "val")
    return "found val, test"


def two_validation_splits(root):
    for name in ("train", "val", "valid"):
        two_classes(root / name)
    return "found train, val, valid"


def a_flat_training_split(root):
    for name in ("train", "test"):
        save(root / name / "0.png", digit())
    return f"{os.sep}train: expected a folder"


@pytest.mark.parametrize(
    "make",
    [
        *(nothing, a_file, an_empty_folder, no_pictures, a_flat_folder, one_class, damage_alone),
        *(a_class_to_test_only, no_training_split, two_validation_splits, a_flat_training_split),
    ],
)
def test_what_is_no_such_folder_is_one_line(make, tmp_path):
    root = tmp_path / "kana"
    expected = make(root)
    for ask in (ImageFolder.info, lambda config: config.read("train")):
        with pytest.raises(UserError) as raised:
            ask(ImageFolder(str(root)))
        message = str(raised.value)
        assert expected in message
        assert str(root) in message
        assert "\n" not in message
        assert ";" in message  # what to do


def test_a_split_that_is_not_there(tmp_path):
    two_classes(tmp_path)
    with pytest.raises(UserError, match="expected a split 'test', found train"):
        ImageFolder(str(tmp_path)).read("test")


def test_pictures_of_a_test_split_without_classes_are_said(tmp_path):
    two_classes(tmp_path / "train")
    for i in range(4):
        save(tmp_path / "test" / f"{i}.png", digit())
    config = ImageFolder(str(tmp_path))
    assert config.info().splits == ("train",)
    assert "(4 in all)" in told(config)


def test_a_folder_that_may_not_be_read_is_no_missing_class(tmp_path, monkeypatch):
    two_classes(tmp_path)
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "b":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="Permission denied"):
        ImageFolder(str(tmp_path)).info()


def test_a_look_decodes_some_of_many(tmp_path, monkeypatch):
    two_classes(tmp_path, 150)
    decoded = []
    layers = folder._decode
    monkeypatch.setattr(folder, "_decode", lambda c, path: decoded.append(path) or layers(c, path))
    ImageFolder(str(tmp_path)).info()
    assert 32 <= len(decoded) <= 64
    assert {path.split(os.sep)[-2] for path in decoded} == {"a", "b"}


def test_large_pictures_are_decoded_in_threads_to_the_same_images(tmp_path):
    for i, name in enumerate("aabb"):
        save(tmp_path / name / f"{i}.png", digit(i, (300, 400)))
    images, labels = ImageFolder(str(tmp_path), size=(300, 400)).read("train")
    np.testing.assert_array_equal(images, [digit(i, (300, 400)) for i in range(4)])
    assert labels.tolist() == [0, 0, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["pad", "emnist"])
def test_a_large_photograph_is_read_as_a_small_one(how, tmp_path):
    y, x = np.mgrid[:1920, :1600]
    picture = np.uint8(220 - 190 * (np.hypot(y - 900, x - 800) < 500) + 20 * (x / 1600))
    for name in "ab":
        save(tmp_path / "large" / name / "0.jpg", picture, quality=90)
        save(tmp_path / "small" / name / "0.png", picture[::2, ::2].copy())
    large, small = (
        ImageFolder(str(tmp_path / name), fit=how).read("train")[0] for name in ("large", "small")
    )
    assert np.abs(large.astype(int) - small).mean() < 2


def test_a_file_that_cannot_be_read_is_no_damaged_picture(tmp_path, monkeypatch):
    two_classes(tmp_path)
    opened = open

    def refuse(path, *rest):
        if str(path).endswith(os.path.join("b", "1.png")):
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *rest)

    monkeypatch.setattr(pictures, "open", refuse, raising=False)
    with pytest.raises(UserError, match=r"1\.png: .*Input/output error"):
        ImageFolder(str(tmp_path)).read("train")

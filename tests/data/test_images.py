"""Pictures as users have them, and what is none."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxletters.core.errors import UserError
from jaxletters.data import images


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_pixels_come_back(kind, tmp_path):
    (tmp_path / "picture").write_bytes(encoded(Image.fromarray(PIXELS), kind))
    np.testing.assert_array_equal(images.read(tmp_path / "picture"), PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_modes_are_colours(mode):
    found = images.decode(encoded(Image.new(mode, (4, 3), 1)), "picture")
    assert (found.shape, found.dtype) == ((3, 4, 3), np.uint8)


@pytest.mark.parametrize(("white", "kind"), [(65535, "PNG"), (4095, "PNG"), (65535, "TIFF")])
def test_twelve_and_sixteen_bits_become_eight(white, kind):
    grey = np.linspace(0, white, 12).astype(np.uint16).reshape(3, 4)
    found = images.decode(encoded(Image.fromarray(grey), kind), "scan")[..., 0]
    np.testing.assert_array_equal(found, np.rint(grey * (255 / white)))
    blank = images.decode(encoded(Image.fromarray(np.full_like(grey, white)), kind), "scan")
    assert (blank == 255).all()


def test_what_is_transparent_is_white():
    layered = np.zeros((2, 2, 4), np.uint8)
    layered[0, 0] = (9, 9, 9, 255)
    found = images.decode(encoded(Image.fromarray(layered)), "picture")
    np.testing.assert_array_equal(found[0, 0], [9, 9, 9])
    np.testing.assert_array_equal(found[1, 1], [255, 255, 255])


def test_a_camera_held_upright_is_believed():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, clockwise
    data = encoded(Image.fromarray(PIXELS), exif=exif)
    np.testing.assert_array_equal(images.decode(data, "photo"), np.rot90(PIXELS, -1))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "expected a picture"),
        (b"<html>not here</html>", "expected a picture"),
        (encoded(Image.fromarray(PIXELS))[:60], "expected a picture"),
        (encoded(Image.new("1", (10_000, 10_000))), "found 10000 x 10000"),
        (encoded(Image.new("1", (20_000, 10_000))), "found far more"),
        (bytes(images.MOST_BYTES + 1), "32 MiB"),
    ],
    ids=["nothing", "a page", "cut off", "a bomb", "a large bomb", "a large file"],
)
def test_what_is_no_picture_is_one_line(data, expected):
    with pytest.raises(UserError, match=expected) as raised:
        images.decode(data, "letter.png")
    assert str(raised.value).startswith("letter.png: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        images.read(tmp_path / "nowhere.png")


@pytest.mark.slow
@given(st.data())
def test_damage_is_a_picture_or_an_error_of_ours(data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF"]))
    whole = bytearray(encoded(Image.fromarray(PIXELS), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = images.decode(bytes(whole), "damaged")
    except UserError:
        return
    assert found.ndim == 3


GREY, LAYERED = PIXELS[..., 0], np.dstack([PIXELS, np.full((5, 7), 255, np.uint8)])


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS[:, ::-1], PIXELS[:, ::-1]),
        (GREY, np.dstack([GREY] * 3)),
        (GREY[..., None], np.dstack([GREY] * 3)),
        (LAYERED, PIXELS),
        (np.zeros((5, 7, 4), np.uint8), np.full((5, 7, 3), 255)),
        (Image.fromarray(PIXELS), PIXELS),
        (Image.fromarray(GREY), np.dstack([GREY] * 3)),
        (Image.fromarray(LAYERED), PIXELS),
        (Image.new("P", (7, 5)), np.zeros((5, 7, 3))),
        (Image.open(io.BytesIO(encoded(Image.fromarray(PIXELS)))), PIXELS),
    ],
)
def test_what_a_notebook_holds_is_a_picture(picture, expected):
    found = images.from_memory(picture, "the picture")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (b"x", "found bytes"),
        (None, "found NoneType"),
        ([[0, 255]], "found list"),
        (PIXELS / 255, r"found float64 \[5, 7, 3\]"),
        (PIXELS[..., :2], r"found uint8 \[5, 7, 2\]"),
        (PIXELS[None], r"found uint8 \[1, 5, 7, 3\]"),
        (np.zeros((0, 5, 3), np.uint8), r"found uint8 \[0, 5, 3\]"),
        (Image.new("L", (0, 5)), "found 0 x 5"),
        (Image.new("1", (10_000, 10_000)), "found 10000 x 10000"),
        (Image.open(io.BytesIO(encoded(Image.new("RGB", (90, 90)))[:60])), "found a damaged one"),
    ],
)
def test_what_is_no_picture_of_a_program_is_one_line(picture, expected):
    with pytest.raises(UserError, match=f"the picture: expected .*{expected}") as raised:
        images.from_memory(picture, "the picture")
    assert "\n" not in str(raised.value)


def test_a_folder_is_its_pictures(tmp_path):
    for name in ("b.PNG", "a.jpeg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.png").touch()
    assert images.in_folder(tmp_path) == [tmp_path / "a.jpeg", tmp_path / "b.PNG"]
    with pytest.raises(UserError, match="expected a picture, found a folder"):
        images.read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"empty: expected pictures in the folder .*, found no picture"
    ):
        images.in_folder(tmp_path / "empty")

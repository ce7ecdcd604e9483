"""Pictures as users have them, and what is none."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxletters import images
from jaxletters.errors import UserError


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


def test_sixteen_bits_keep_their_order():
    grey = np.linspace(1000, 60000, 12).astype(np.uint16).reshape(3, 4)
    found = images.decode(encoded(Image.fromarray(grey)), "scan")[..., 0]
    assert (np.diff(found.ravel().astype(int)) > 0).all()
    assert (found.min(), found.max()) == (0, 255)


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

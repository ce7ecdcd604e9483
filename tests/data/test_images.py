"""Pictures as users have them, and what is none."""

import importlib.util
import io
import re
import struct

import numpy as np
import pillow_heif
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


def smooth(height=48, width=64):
    """A picture that lossy formats keep within some grey levels; no turn of it is like another."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([4 * rows, 3 * columns, rows + columns]).astype(np.uint8)


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 4


TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "jpeg"}),
        ("MPO", {"save_all": True, "append_images": [Image.new("RGB", (9, 9))]}),
        ("HEIC", {}),
    ],
    ids=["JPEG", "PNG", "WEBP", "TIFF", "TIFF with JPEG", "MPO", "HEIC"],
)
def test_every_orientation_of_exif_is_upright(kind, options, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "HEIC":
        data = heic(smooth(), exif=exif.tobytes())
    else:
        data = encoded(Image.fromarray(smooth()), kind, exif=exif, **options)
    assert_close(images.decode(data, "photo"), TURNS[orientation](smooth()))


def heic(picture, **options):
    file = io.BytesIO()
    height, width, _ = picture.shape
    pillow_heif.encode("RGB", (width, height), picture.tobytes(), file, quality=90, **options)
    return file.getvalue()


def test_the_picture_of_an_mpo_in_memory_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(smooth()), "MPO", exif=exif)
    found = images.from_memory(Image.open(io.BytesIO(data)), "photo")
    assert_close(found, np.rot90(smooth(), -1))


def test_an_heic_of_several_pictures_is_its_primary_one():
    album = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
    album.add_from_pillow(Image.fromarray(smooth()))
    file = io.BytesIO()
    album.save(file, quality=90, primary_index=1)
    assert_close(images.decode(file.getvalue(), "photo"), smooth())
    assert "HEIF" not in Image.OPEN  # the caller's Pillow is as before


def test_without_pillow_heif_an_heic_says_what_to_install(monkeypatch):
    data = heic(smooth())
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pillow_heif" else find(name)
    )
    for brand in (b"heic", b"mif1"):
        assert_says(data[:8] + brand + data[12:], "HEIC", r"pip install 'jaxletters\[heic\]'")


AVIF = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B"


def test_an_avif_is_read_where_pillow_does(monkeypatch):
    Image.init()
    if "AVIF" in Image.SAVE:
        data = encoded(Image.fromarray(smooth()), "AVIF")
        assert_close(images.decode(data, "photo"), smooth())
        assert_says(AVIF, "damaged")
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    monkeypatch.setattr(Image, "init", lambda: True)
    assert_says(AVIF, "AVIF", r"Pillow 11\.3")


def assert_says(data, *expected):
    with pytest.raises(UserError) as raised:
        images.decode(data, "photo")
    line = str(raised.value)
    assert line.startswith("photo: expected ")
    assert "\n" not in line
    for word in expected:
        assert re.search(word, line)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_not_its_first_frame(kind):
    frames = [Image.fromarray(255 - smooth())]
    data = encoded(Image.fromarray(smooth()), kind, save_all=True, append_images=frames)
    assert_says(data, "animation", "PNG")


def test_a_pdf_says_how_its_pages_become_pictures():
    assert_says(b"%PDF-1.7\n", "PDF", "pdftoppm")


def scan(*pages, **options):
    first, *others = map(Image.fromarray, pages)
    return encoded(first, "TIFF", save_all=True, append_images=others, **options)


PAGES = (PIXELS, PIXELS[::-1, :4], PIXELS[..., 0])


def test_the_pages_of_a_tiff_are_pictures(tmp_path):
    file = tmp_path / "scan.tiff"
    file.write_bytes(scan(*PAGES))
    names, found = zip(*images.pages(file), strict=True)
    assert names == (f"{file}[1]", f"{file}[2]", f"{file}[3]")
    for picture, expected in zip(found, [*PAGES[:2], np.dstack([PAGES[2]] * 3)], strict=True):
        np.testing.assert_array_equal(picture, expected)
    with pytest.raises(UserError, match="found several pages"):
        images.read(file)


def test_a_preview_in_a_tiff_is_no_page(tmp_path):
    data = bytearray(scan(PIXELS, PIXELS[:2, :2]))
    # Pillow cannot write NewSubfileType (254): it replaces PlanarConfiguration (284), which may be missing.
    entry = data.rindex(struct.pack("<HHI", 284, 3, 1))
    data[entry : entry + 12] = struct.pack("<HHII", 254, 4, 1, 1)
    file = tmp_path / "scan.tiff"
    file.write_bytes(data)
    ((name, picture),) = images.pages(file)
    assert name == str(file)
    np.testing.assert_array_equal(picture, PIXELS)
    np.testing.assert_array_equal(images.read(file), PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "MPO"])
def test_other_files_are_one_page_with_the_name_of_the_file(kind, tmp_path):
    file = tmp_path / "photo"
    file.write_bytes(encoded(Image.fromarray(smooth()), kind))
    ((name, picture),) = images.pages(file)
    assert name == str(file)
    np.testing.assert_array_equal(picture, images.read(file))


def test_pages_before_a_damaged_one_are_read(tmp_path):
    data = bytearray(scan(smooth(), smooth(), compression="jpeg"))
    start_of_scan = data.rindex(b"\xff\xda")
    data[start_of_scan : start_of_scan + 2] = b"\0\0"
    file = tmp_path / "scan.tiff"
    file.write_bytes(data)
    reading = images.pages(file)
    name, picture = next(reading)
    assert name == f"{file}[1]"
    assert_close(picture, smooth())
    with pytest.raises(UserError, match=r"scan\.tiff\[2\]: expected a picture"):
        next(reading)


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


def test_the_size_of_a_picture_is_known_without_its_pixels(tmp_path):
    data = encoded(Image.fromarray(PIXELS))
    (tmp_path / "half.png").write_bytes(data[: data.index(b"IDAT") + 8])
    assert images.size(tmp_path / "half.png") == (5, 7)


@pytest.mark.parametrize("content", [b"", b"garbage", encoded(Image.fromarray(PIXELS))[:20]])
def test_the_size_of_no_picture_is_one_line(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match="expected a picture") as caught:
        images.size(tmp_path / "a.png")
    assert len(str(caught.value).splitlines()) == 1

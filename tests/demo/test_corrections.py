"""Corrected letters: what the server keeps in the folder, deletes from it, and refuses."""

import argparse
import io

import likeness
import numpy as np
import pytest
from demo_server import serving_with
from PIL import Image

from jaxletters.cli.commands import demo
from jaxletters.config.sources import ImageFolder
from jaxletters.core.errors import UserError
from jaxletters.demo import corrections

# Grey values in the middle of a black canvas, as the network's input is.
IMAGE = np.pad(np.arange(20 * 20).reshape(20, 20) % 255, 4).astype(np.uint8)


def encoded(image=IMAGE, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def client_of(folder, reader=None):
    return serving_with(likeness.Likeness(), reader=reader, folder=folder)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my hand"


@pytest.fixture
def client(folder):
    with client_of(folder) as found:
        yield found


def keep(client, name="B", content=None, **options):
    content = encoded() if content is None else content
    return client.post("/correct", params={"class": name}, content=content, **options)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_a_corrected_letter_is_kept_beside_others_of_its_class(client, folder):
    saved = [keep(client, name).json()["saved"] for name in "BBA"]
    expected = [f"{name}/{file}.png" for name, file in zip("BBA", saved, strict=True)]
    assert files_in(folder) == sorted(expected)
    dataset = ImageFolder(folder)
    images, labels = dataset.read("train")
    assert dataset.info().class_names == ("A", "B")
    # The order is that of the files' names, which are random.
    assert sorted(labels.tolist()) == [0, 1, 1]
    assert (images == IMAGE).all()


def test_a_file_holds_only_the_pixels(client, folder):
    note = b"\0\0\0\7tEXtNote\0hi"
    plain = encoded()
    keep(client, content=plain[:33] + note + b"\0\0\0\0" + plain[33:])
    for file in folder.rglob("*.png"):
        assert b"Note" not in file.read_bytes()


def test_undo_deletes_only_the_file_that_was_saved(client, folder):
    first, second = (keep(client).json()["saved"] for _ in range(2))
    other = folder / "B" / "other.png"
    other.write_bytes(encoded())
    assert client.delete(f"/correct/{second}").json() == {"removed": second}
    for name in (second, "other", "%2e%2e%2fB", f"B%2f{first}"):
        response = client.delete(f"/correct/{name}")
        assert response.status_code in (404, 405)
        assert response.json().keys() == {"error"}
    assert files_in(folder) == [f"B/{first}.png", "B/other.png"]


@pytest.mark.parametrize("name", ["", "N/A", "b", "AB", "../A", "A/../../B", "\0", "é\n"])
def test_only_classes_of_the_network_are_kept(client, folder, name):
    response = keep(client, name)
    assert response.status_code == 422
    assert len(response.json()["error"].splitlines()) == 1
    assert not folder.exists()


PICTURES = {
    "nothing": b"",
    "no picture": b"garbage",
    "the beginning of one": encoded()[:60],
    "another format": encoded(kind="BMP"),
    "another size": encoded(IMAGE[1:]),
    "a huge one": encoded(np.zeros((3000, 3000), np.uint8)),
    "in colour": encoded(np.repeat(IMAGE[..., None], 3, axis=2)),
    "of 16 bits": encoded(IMAGE.astype(np.uint16)),
    "an animation": encoded(save_all=True, append_images=[Image.fromarray(255 - IMAGE)]),
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_only_images_of_the_network_are_kept(client, folder, content):
    response = keep(client, content=content)
    assert response.status_code == 422
    assert len(response.json()["error"].splitlines()) == 1
    assert not folder.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://other.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "rebound.example"}, 400),
    ],
)
def test_pages_of_other_sites_keep_and_delete_nothing(client, folder, headers, status):
    saved = keep(client).json()["saved"]
    assert keep(client, headers=headers).status_code == status
    assert client.delete(f"/correct/{saved}", headers=headers).status_code == status
    assert files_in(folder) == [f"B/{saved}.png"]


def test_what_is_too_large_is_refused(client, folder):
    response = keep(client, content=encoded() + bytes(corrections.MOST_BYTES))
    assert response.status_code == 413
    assert "16 KiB" in response.json()["error"]
    assert not folder.exists()


def test_a_disk_that_refuses_is_reported(client, folder):
    folder.write_text("no folder")
    response = keep(client)
    assert response.status_code == 422
    assert "is not a folder" in response.json()["error"]


def test_without_a_folder_nothing_is_kept():
    with client_of(None) as client:
        assert keep(client).status_code == 404
        assert "jaxletters demo --corrections my_hand" in client.get("/").text


@pytest.mark.parametrize(
    ("reader", "command"),
    [(None, "jaxletters teach --from"), ("run 1", "jaxletters teach &#39;run 1&#39; --from")],
)
def test_the_page_has_the_command_that_teaches(tmp_path, reader, command):
    with client_of(
        tmp_path / "hand", reader and tmp_path.joinpath(reader).relative_to(tmp_path)
    ) as client:
        assert f"{command} {tmp_path / 'hand'}</code>" in client.get("/").text


def test_classes_that_are_no_folder_are_not_offered():
    names = ("N/A", "A", "+", "/", "..", ".b", "a b", "a ", "c:", "\0", "", "é")
    offered = corrections.names(likeness.reader(likeness.Likeness(), names))
    assert offered == ("A", "+", "a b", "é")


def test_a_folder_that_cannot_be_made_is_reported_first(tmp_path):
    (tmp_path / "file").write_text("")
    arguments = argparse.Namespace(corrections=tmp_path / "file" / "hand")
    with pytest.raises(UserError, match="file is not a folder"):
        demo.run(arguments)


def test_folders_differ_on_disks_that_ignore_case(tmp_path):
    kept = corrections.Corrections(tmp_path, ("A", "B", "a"))
    for name in ("a", "A", "B"):
        kept.save(encoded(), name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A", "B", "a_2"]

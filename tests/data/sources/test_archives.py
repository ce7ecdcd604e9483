"""Original files are found where users have them, and downloaded whole or not at all."""

import hashlib
import threading
import urllib.request
import zipfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from jaxletters.core.errors import UserError
from jaxletters.data.builders import emnist
from jaxletters.data.builders.alpha_letters import AlphaLetters
from jaxletters.data.builders.mnist import Mnist
from jaxletters.data.sources import archives, downloads

ALPHA = AlphaLetters.ARCHIVE
EMNIST = emnist.archive("letters")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Nothing may be looked up on the network; a test that downloads brings its own `urlopen`."""

    def refuse(*_, **__):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.delenv(archives.ENVIRONMENT, raising=False)


def put(folder: Path, names=ALPHA.files, content=b"x"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(content)
    return folder


def published(tmp_path: Path, content: bytes, claimed: bytes | None = None) -> archives.Archive:
    """Returns an archive of one file at a file:// URL, said to have the content `claimed`."""
    claimed = content if claimed is None else claimed
    path = put(tmp_path / "host", ["data.mat"], content) / "data.mat"
    remote = downloads.Remote(path.as_uri(), len(claimed), hashlib.sha256(claimed).hexdigest())
    return archives.Archive("data.mat", ("data.mat",), (remote,))


@pytest.mark.parametrize(
    ("archive", "theirs"),
    [
        (EMNIST, "emnist"),
        (Mnist.ARCHIVE, "mnist"),
        (ALPHA, "binary_alpha_digits"),
    ],
)
def test_urls_sizes_and_checksums_are_tfds_own(archive, theirs):
    expected = tfds.builder_cls(theirs).url_infos
    assert {r.url: (int(r.size), r.sha256) for r in archive.remotes} == {
        url: (int(info.size), info.checksum) for url, info in expected.items()
    }


def test_the_given_folder_goes_before_the_environment_and_that_before_tfds(tmp_path, monkeypatch):
    downloads = put(tmp_path / "data_dir" / "downloads" / "manual").parent
    assert archives.locate("alpha", ALPHA, "", downloads) == downloads / "manual"
    monkeypatch.setenv(archives.ENVIRONMENT, str(put(tmp_path / "environment")))
    assert archives.locate("alpha", ALPHA, "", downloads) == tmp_path / "environment"
    given = put(tmp_path / "given")
    assert archives.locate("alpha", ALPHA, str(given), downloads) == given


def test_an_environment_without_the_files_falls_through(tmp_path, monkeypatch):
    (tmp_path / "environment").mkdir()
    monkeypatch.setenv(archives.ENVIRONMENT, str(tmp_path / "environment"))
    downloads = put(tmp_path / "downloads")
    assert archives.locate("alpha", ALPHA, "", downloads) == downloads


def test_an_environment_that_names_no_folder_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv(archives.ENVIRONMENT, str(tmp_path / "mistyped"))
    with pytest.raises(
        UserError, match=r"JAXLETTERS_ARCHIVES: expected a folder, found .*mistyped"
    ):
        archives.locate("alpha", ALPHA, "", tmp_path / "downloads")


@pytest.mark.parametrize(("below", "found"), [("a/b/c", True), ("a/b/c/d", False)])
def test_subfolders_are_searched_three_deep(tmp_path, below, found):
    put(tmp_path / below)
    if found:
        assert archives.find(ALPHA, tmp_path)[ALPHA.files[0]].path.parent == tmp_path / below
    else:
        with pytest.raises(UserError, match="at most 3 folders below"):
            archives.find(ALPHA, tmp_path)


def test_a_given_folder_without_the_files_is_an_error_and_nothing_is_downloaded(tmp_path):
    with pytest.raises(UserError) as error:
        archives.locate("emnist_letters", EMNIST, str(tmp_path), put(tmp_path / "downloads"))
    assert str(tmp_path) in str(error.value)
    assert "gzip.zip or emnist-letters-" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("make", "found"), [(False, "nothing"), (True, "a file")])
def test_a_given_folder_that_is_none_is_an_error(tmp_path, make, found):
    if make:
        (tmp_path / "archives").write_text("")
    with pytest.raises(UserError, match=f"expected a folder with .* found {found}"):
        archives.locate("alpha", ALPHA, str(tmp_path / "archives"), tmp_path)


def test_files_that_a_browser_unpacked_are_found(tmp_path):
    unpacked = [name.removesuffix(".gz") for name in EMNIST.files]
    found = archives.find(EMNIST, put(tmp_path, unpacked))
    assert [found[name].path.name for name in EMNIST.files] == unpacked


def test_files_of_two_folders_are_never_mixed(tmp_path):
    put(tmp_path / "official", EMNIST.files[:2])
    put(tmp_path / "rebuilt", EMNIST.files[2:])
    with pytest.raises(UserError):
        archives.find(EMNIST, tmp_path)


def test_files_are_found_under_the_names_of_tfds_downloads(tmp_path):
    names = [resource.get_dl_fname(r.url, r.sha256) for r in Mnist.ARCHIVE.remotes]
    put(tmp_path, [*names, *(f"{n}.INFO" for n in names)])
    found = archives.find(Mnist.ARCHIVE, tmp_path)
    assert [found[name].path.name for name in Mnist.ARCHIVE.files] == names


def test_a_member_of_nists_zip_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as bundle:
        for name in EMNIST.files:
            bundle.writestr(f"gzip/{name}", name.encode())
    for name, source in archives.find(EMNIST, tmp_path).items():
        with source.open() as file:
            assert file.read() == name.encode()


def zip_without_the_member(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("gzip/emnist-digits-train-images-idx3-ubyte.gz", b"x")


def zip_with_encryption(path):
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr(f"gzip/{EMNIST.files[0]}", b"x")
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("<html>not found</html>"),
        lambda path: path.write_bytes(b""),
        zip_without_the_member,
        zip_with_encryption,
    ],
)
def test_a_foreign_zip_is_refused_by_name(tmp_path, spoil):
    spoil(tmp_path / "gzip.zip")
    source = archives.find(EMNIST, tmp_path)[EMNIST.files[0]]
    with pytest.raises(UserError, match=r"gzip\.zip: expected .* fetch it again") as error:
        source.open()
    assert "\n" not in str(error.value)


class TestDownload:
    @pytest.fixture(autouse=True)
    def served_from_disk(self, monkeypatch):
        opener = urllib.request.build_opener()
        monkeypatch.setattr(urllib.request, "urlopen", opener.open)

    def test_arrives_whole_beside_tfds_downloads(self, tmp_path):
        archive = published(tmp_path, b"0123456789" * 300_000)
        folder = archives.locate("letters", archive, "", tmp_path / "downloads")
        assert [p.name for p in folder.iterdir()] == ["data.mat"]
        assert (folder / "data.mat").read_bytes() == b"0123456789" * 300_000
        assert tmp_path / "downloads" in folder.parents

    def test_is_done_once(self, tmp_path, monkeypatch):
        archive = published(tmp_path, b"content")
        first = archives.locate("letters", archive, "", tmp_path / "downloads")
        monkeypatch.setattr(urllib.request, "urlopen", None)
        assert archives.locate("letters", archive, "", tmp_path / "downloads") == first

    @pytest.mark.parametrize("content", [b"<html>log in</html>", b"conten", b"content!" * 10**6])
    def test_other_content_than_published_is_refused_and_removed(self, tmp_path, content):
        archive = published(tmp_path, content, claimed=b"content")
        with pytest.raises(UserError, match=hashlib.sha256(b"content").hexdigest()) as error:
            archives.locate("letters", archive, "", tmp_path / "downloads")
        assert "\n" not in str(error.value)
        assert not [p for p in (tmp_path / "downloads").rglob("*") if p.is_file()]

    def test_a_missing_file_names_the_ways_on(self, tmp_path):
        archive = published(tmp_path, b"content")
        (tmp_path / "host" / "data.mat").unlink()
        with pytest.raises(UserError, match="the download failed"):
            archives.locate("letters", archive, "", tmp_path / "downloads")

    def test_a_broken_connection_leaves_nothing(self, tmp_path, monkeypatch):
        archive = published(tmp_path, b"content")

        class Breaking:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def read(self, _):
                raise ConnectionResetError("the other end has gone")

        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Breaking())
        with pytest.raises(UserError, match="the other end has gone"):
            archives.locate("letters", archive, "", tmp_path / "downloads")
        assert not [p for p in (tmp_path / "downloads").rglob("*") if p.is_file()]


def test_a_network_that_never_answers_is_given_up_with_all_ways_on(tmp_path, monkeypatch):
    # As when the look-up of the host's address hangs, which knows no time-out of its own.
    never = threading.Event()
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: never.wait())
    monkeypatch.setattr(downloads, "_TIMEOUT_SECONDS", 0.1)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv(archives.ENVIRONMENT, str(tmp_path / "mine"))
    try:
        with pytest.raises(UserError) as error:
            archives.locate("emnist_letters", EMNIST, "", tmp_path / "downloads")
    finally:
        never.set()
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "emnist_letters",
        "biometrics.nist.gov did not answer",
        str(tmp_path / "mine"),
        "--config.dataset.archives=DIR",
        "JAXLETTERS_ARCHIVES=DIR",
        "--config.dataset.data_dir=DIR",
        "network",
        "python launch.py --config configs/quickstart.py",
    ):
        assert part in message
    assert not (tmp_path / "downloads").exists()


def test_patience_is_within_the_promised_15_seconds():
    assert downloads._TIMEOUT_SECONDS <= 10

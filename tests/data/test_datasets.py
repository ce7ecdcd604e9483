"""`load` gives the whole of a split, upright and in order, from wherever its files are."""

import dataclasses
import gzip
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxletters.config.builtin_sources import BUILTIN, AlphaDigits, Emnist, Mnist, SketchLetters
from jaxletters.core.errors import UserError
from jaxletters.data import datasets
from jaxletters.data.builders import base, emnist, mnist
from jaxletters.data.builders.specs import SPECS
from jaxletters.data.sources import archives, cache, downloads, records
from jaxletters.data.synthetic import sketch, strokes


@pytest.fixture(autouse=True)
def written(tmp_path, write_emnist):
    """What the original files of EMNIST Letters hold."""
    return write_emnist(tmp_path / "archives")


@pytest.fixture
def config(tmp_path):
    return Emnist(archives=str(tmp_path / "archives"), data_dir=str(tmp_path / "tfds"))


@pytest.fixture
def folder(tmp_path):
    """Where the dataset of `config` is prepared."""
    return tmp_path / "tfds" / "jaxletters_emnist_letters" / "1.0.0"


def assert_holds(dataset, written):
    images, labels = written
    np.testing.assert_array_equal(dataset.images, images.transpose(0, 2, 1))
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int32
    assert not dataset.images.flags.writeable
    assert not dataset.labels.flags.writeable


def test_what_is_said_of_a_dataset_before_it_is_read():
    for source in BUILTIN.values():
        assert datasets.info(source) == source.info()
    assert AlphaDigits().info().image_shape == (20, 16)
    assert AlphaDigits(resize="area").info().image_shape == (28, 28)
    assert Mnist().info().class_names == tuple("0123456789")
    for source in (Emnist(), AlphaDigits(), SketchLetters()):
        assert source.info().class_names == ("N/A", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    # As NIST's mapping files have them.
    merged = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
    assert "".join(Emnist(subset="balanced").info().class_names) == merged
    assert len(Emnist(subset="byclass").info().class_names) == 62


def test_counts_come_from_the_headers_and_images_stand_upright(config, written):
    for split in ("train", "test"):
        dataset = datasets.load(config, split)
        assert_holds(dataset, written[split])
        assert dataset.class_names == config.info().class_names


def test_mnist_is_stored_upright_already(tmp_path, write_mnist):
    written = write_mnist(tmp_path / "archives")
    config = Mnist(archives=str(tmp_path), data_dir=str(tmp_path / "tfds"))
    for split, (images, labels) in written.items():
        dataset = datasets.load(config, split)
        np.testing.assert_array_equal(dataset.images, images)
        np.testing.assert_array_equal(dataset.labels, labels)


@pytest.mark.slow
def test_alpha_letters_have_one_split(tmp_path, write_alpha_digits):
    write_alpha_digits(tmp_path / "archives")
    config = AlphaDigits(archives=str(tmp_path), data_dir=str(tmp_path / "tfds"))
    assert datasets.load(config, "train").images.shape == (26 * 39, 20, 16)
    with pytest.raises(UserError, match=r"alpha_letters: expected one of its splits \(train\)"):
        datasets.load(config, "test")


def test_what_is_prepared_needs_no_archives(config, written, tmp_path, monkeypatch):
    datasets.load(config, "train")
    shutil.rmtree(tmp_path / "archives")
    monkeypatch.delenv(archives.ENVIRONMENT, raising=False)
    again = Emnist(data_dir=config.data_dir)
    assert_holds(datasets.load(again, "test"), written["test"])


def test_a_folder_of_archives_that_is_named_is_looked_at_although_all_is_prepared(config, tmp_path):
    datasets.load(config, "train")
    shutil.rmtree(tmp_path / "archives")
    with pytest.raises(UserError, match=r"archives: expected a folder with .*, found nothing"):
        datasets.load(config, "train")


@pytest.mark.slow
def test_other_archives_are_prepared_beside_those_before(config, written, tmp_path, write_emnist):
    before = datasets.load(config, "train")
    # As many examples as before: only the content tells them apart.
    other = write_emnist(tmp_path / "others", seed=1)
    moved = dataclasses.replace(config, archives=str(tmp_path / "others"))
    for _ in range(2):
        assert_holds(datasets.load(moved, "train"), other["train"])
        assert_holds(datasets.load(config, "train"), written["train"])
    np.testing.assert_array_equal(before.images, datasets.load(config, "train").images)
    # The same files at another place are the same dataset, and not prepared once more.
    shutil.copytree(tmp_path / "archives", tmp_path / "copy")
    copied = dataclasses.replace(config, archives=str(tmp_path / "copy"))
    assert_holds(datasets.load(copied, "train"), written["train"])
    assert len(list((tmp_path / "tfds" / "jaxletters_emnist_letters").iterdir())) == 2


def test_published_files_are_known_by_their_digests(config, monkeypatch, tmp_path):
    datasets.load(config, "train")
    digest = {"train": datasets.DatasetSplits(config).digest("train")}
    assert config.note(digest) == "split not verified"
    archive = emnist.archive("letters")
    found = archives.digests(archive, tmp_path / "archives")
    assert set(found) == set(archive.files)
    remotes = tuple(downloads.Remote(f"https://host/{n}", 1, d) for n, d in found.items())
    monkeypatch.setattr(emnist.LETTERS, "ARCHIVE", archive._replace(remotes=remotes, bundle=""))
    assert config.note(digest) == ""


def test_preparing_fills_the_cache_and_reading_uses_it(config, written, monkeypatch):
    datasets.load(config, "train")
    monkeypatch.setattr(records, "load", None)
    for split in ("train", "test"):
        assert_holds(datasets.load(config, split), written[split])


def test_a_dataset_that_others_prepared_is_read_and_then_cached(config, written, folder):
    datasets.load(config, "train")
    shutil.rmtree(folder / "arrays")
    assert_holds(datasets.load(config, "train"), written["train"])
    assert cache.load(folder / "arrays", "train", "other") is None
    assert (folder / "arrays" / "train.json").exists()


def test_a_dataset_in_a_folder_that_cannot_be_written_is_read(config, written, folder):
    datasets.load(config, "train")
    shutil.rmtree(folder / "arrays")
    # Stands for a read-only folder, which is none to the superuser.
    (folder / "arrays").write_text("in the way")
    assert_holds(datasets.load(config, "train"), written["train"])


def test_a_damaged_cache_is_replaced(config, written, folder):
    datasets.load(config, "train")
    path = folder / "arrays" / "train.images.npy"
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 4
    path.write_bytes(damaged)
    assert_holds(datasets.load(config, "train"), written["train"])
    assert path.read_bytes() != damaged


@pytest.mark.slow
def test_a_cache_of_other_records_is_replaced(config, folder, tmp_path, write_emnist):
    datasets.load(config, "train")
    shutil.copytree(folder / "arrays", tmp_path / "old arrays")
    shutil.rmtree(folder)
    other = write_emnist(tmp_path / "archives", n_train=60, n_test=30, seed=1)
    datasets.load(config, "train")
    shutil.rmtree(folder / "arrays")
    shutil.copytree(tmp_path / "old arrays", folder / "arrays")
    assert_holds(datasets.load(config, "train"), other["train"])


def flip_a_bit_of_the_records(folder):
    (path,) = folder.glob("*-train.array_record*")
    damaged = bytearray(path.read_bytes())
    # Past the header of the file and of its first chunk, within an image.
    damaged[300] ^= 1
    path.write_bytes(damaged)


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit_of_the_records,
        lambda folder: next(folder.glob("*-train.array_record*")).unlink(),
        lambda folder: os.truncate(next(folder.glob("*-train.array_record*")), 1000),
        lambda folder: (folder / "dataset_info.json").unlink(),
        lambda folder: (folder / "dataset_info.json").write_text('{"name": '),
        lambda folder: (folder / "features.json").unlink(),
    ],
)
def test_damaged_records_are_an_error_that_names_the_folder(config, folder, damage):
    datasets.load(config, "train")
    damage(folder)
    with pytest.raises(UserError, match="delete that folder") as error:
        datasets.load(config, "train")
    assert str(folder.parent) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_failed_preparation_leaves_nothing_and_the_next_one_works(config, written, tmp_path):
    path = tmp_path / "archives" / emnist.archive("letters").files[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=path.name):
        datasets.load(config, "train")
    assert not list((tmp_path / "tfds").glob("jaxletters_*"))
    path.write_bytes(whole)
    assert_holds(datasets.load(config, "train"), written["train"])


def test_a_data_dir_that_cannot_be_written_is_an_error(config, tmp_path):
    (tmp_path / "tfds").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be prepared here .*--config\.dataset\.data_dir"):
        datasets.load(config, "train")


@pytest.mark.slow
def test_the_slower_of_two_processes_uses_what_the_other_prepared(config, written, monkeypatch):
    arrays = emnist.LETTERS.arrays
    others = []

    def overtaken(self, split, sources):
        if not others:
            others.append(split)
            assert_holds(datasets.load(config, split), written[split])
        return arrays(self, split, sources)

    monkeypatch.setattr(emnist.LETTERS, "arrays", overtaken)
    assert_holds(datasets.load(config, "test"), written["test"])
    assert others


@pytest.mark.slow
def test_two_processes_may_prepare_at_once(config, folder):
    code = (
        "from jaxletters.data import datasets\n"
        "from jaxletters import Emnist\n"
        f"print(len(datasets.load({config!r}, 'train').images))"
    )
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(p.communicate()[0].strip(), p.returncode) for p in running] == [("60", 0)] * 2
    assert [p.name for p in folder.parent.iterdir()] == ["1.0.0"]


def test_leftovers_of_killed_preparations_are_removed_and_running_ones_kept(config, folder):
    datasets.load(config, "train")
    leftovers = {}
    for name in ("incomplete.DEAD00_1.0.0", "incomplete.ALIVE0_1.0.0", "incomplete.DEAD00_2.0.0"):
        leftovers[name] = folder.parent / name
        leftovers[name].mkdir()
        (leftovers[name] / "part").write_bytes(b"x")
        if "DEAD" in name:
            for path in (leftovers[name], leftovers[name] / "part"):
                os.utime(path, (0, 0))
    datasets.load(config, "train")
    # Another version's belongs to whoever prepares that version.
    assert [path.exists() for path in leftovers.values()] == [False, True, True]


def test_says_one_line_on_stderr_and_only_when_it_prepares(config, tmp_path, capfd):
    datasets.load(config, "train")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == f"Preparing emnist_letters (once) from {tmp_path / 'archives'} ...\n"
    datasets.load(config, "test")
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_size_is_part_of_what_is_prepared_of_sketch_letters(tmp_path):
    for size in (130, 260):
        config = SketchLetters(size=size, data_dir=str(tmp_path))
        train, test = datasets.load(config, "train"), datasets.load(config, "test")
        assert train.images.shape == (size, 28, 28)
        assert test.images.shape == (size // 5, 28, 28)
        assert set(train.labels) == set(test.labels) == set(range(1, 27))


@pytest.mark.slow
def test_sketch_letters_are_drawn_again_once_they_would_look_different(tmp_path, monkeypatch):
    config = SketchLetters(size=130, data_dir=str(tmp_path))
    before, draw = datasets.load(config, "train"), sketch.draw

    def negative(*args):
        images, labels = draw(*args)
        return 255 - images, labels

    monkeypatch.setattr(sketch, "draw", negative)
    np.testing.assert_array_equal(datasets.load(config, "train").images, 255 - before.images)
    monkeypatch.undo()
    np.testing.assert_array_equal(datasets.load(config, "train").images, before.images)


def test_a_form_that_no_sample_shows_still_makes_another_dataset(monkeypatch):
    from jaxletters.data.builders import sketch_letters

    before = sketch_letters.size_config(130).name
    forms = strokes.LETTERS["z"]
    changed = {**strokes.LETTERS, "z": forms._replace(test=(*forms.test, "0,0 9,9"))}
    monkeypatch.setattr(strokes, "LETTERS", changed)
    assert sketch_letters.size_config(130).name != before


class TestRealArchives:
    """On the files that users download, or the rebuilt split of EMNIST that stands in for NIST's."""

    @pytest.mark.slow
    def test_emnist_letters_are_all_there_and_upright(self, real_emnist, real_archives):
        train, test = datasets.load(real_emnist, "train"), datasets.load(real_emnist, "test")
        assert len(train.images) in (124_800, 116_573)
        assert np.array_equal(np.bincount(test.labels), [0, *[800] * 26])
        assert np.array_equal(np.unique(train.labels), np.arange(1, 27))
        self.assert_upright(test)
        # By hand: an idx file starts with 16 bytes of header, and NIST's images lie on their side.
        source = archives.find(emnist.archive("letters"), real_archives)
        name = "emnist-letters-train-images-idx3-ubyte.gz"
        with source[name].open() as compressed, gzip.open(compressed) as file:
            content = file.read(16 + 784)
        first = np.frombuffer(content, np.uint8)[16:].reshape(28, 28).T
        np.testing.assert_array_equal(train.images[0], first)

    @pytest.mark.slow
    def test_alpha_letters_are_all_there_and_upright(self, real_archives, tmp_path):
        config = AlphaDigits(archives=str(real_archives), data_dir=str(tmp_path))
        dataset = datasets.load(config, "train")
        assert np.array_equal(np.bincount(dataset.labels), [0, *[39] * 26])
        assert set(np.unique(dataset.images)) == {0, 255}
        self.assert_upright(dataset)

    @pytest.mark.slow
    def test_mnist_is_all_there_and_upright(self, real_archives):
        files = archives.find(mnist.Mnist.ARCHIVE, real_archives)
        images, labels = {}, {}
        for prefix in ("train", "t10k"):
            images[prefix], labels[prefix] = base.read_idx(
                files[f"{prefix}-images-idx3-ubyte.gz"],
                files[f"{prefix}-labels-idx1-ubyte.gz"],
                SPECS["mnist"],
            )
        assert [len(images[p]) for p in images] == [60_000, 10_000]
        assert np.bincount(labels["t10k"])[:2].tolist() == [980, 1135]
        sevens = images["t10k"][labels["t10k"] == 7].mean(0)
        rows, columns = (slice(6, 11), slice(17, 22)), (slice(6, 11), slice(17, 22))
        (top_left, top_right), (bottom_left, bottom_right) = [
            [sevens[row, column].mean() for column in columns] for row in rows
        ]
        assert bottom_left < bottom_right < top_left < top_right

    def assert_upright(self, dataset):
        """A T hangs from its bar, an L stands on its bar and has its stem on the left."""
        third = dataset.images.shape[1] // 3
        mean_t, mean_l = (dataset.images[dataset.labels == ord(c) - 64].mean(0) for c in "TL")
        assert mean_t[:third].sum() > 1.5 * mean_t[-third:].sum()
        assert mean_l[-third:].sum() > 1.5 * mean_l[:third].sum()
        assert mean_l[:, :third].sum() > 1.5 * mean_l[:, -third:].sum()


@pytest.mark.slow
def test_a_user_without_a_home_has_the_dataset_in_the_working_folder(tmp_path, monkeypatch):
    from tensorflow_datasets.core import constants

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr(constants, "DATA_DIR", "~/tensorflow_datasets")
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")
    assert len(datasets.load(SketchLetters(size=130), "train").labels) == 130
    assert [path.name for path in (tmp_path / "working").iterdir()] == ["tensorflow_datasets"]

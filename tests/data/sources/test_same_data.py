"""A dataset is what it holds, whatever it lies in, and everything works for any of them."""

import csv
import gzip
import shutil

import numpy as np
import pytest
import runs
from inputs import idx
from PIL import Image

from jaxletters.config import configfile, overrides, user_code
from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.fingerprints import fingerprint
from jaxletters.config.models import MLPConfig
from jaxletters.config.schema import BaseConfig, Config, Split, ZeroShotConfig
from jaxletters.config.sources import Arrays, ImageFolder, Tfds
from jaxletters.config.training import TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.data import datasets
from jaxletters.data import images as pictures_of
from jaxletters.data.formats import alphabets
from jaxletters.data.synthetic import sketch
from jaxletters.experiments import dispatch
from jaxletters.export import writer
from jaxletters.reading import loader, recognition
from jaxletters.runs import manifest
from jaxletters.runs import restore as trained_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture(scope="module")
def digits():
    """Training and test images like MNIST's, in no order of their classes."""
    hand = np.random.default_rng(0)
    shapes = np.kron(hand.integers(0, 2, (10, 7, 7)), np.ones((4, 4), int))
    labels = {"train": hand.permutation(np.arange(120) % 10), "test": np.arange(40) % 10}
    images = {
        split: np.clip(180 * shapes[of] + hand.integers(0, 75, (len(of), 28, 28)), 0, 255)
        for split, of in labels.items()
    }
    for each in images.values():
        each[:, [0, -1]] = each[:, :, [0, -1]] = 0
    return {
        split: (images[split].astype(np.uint8), labels[split].astype(np.uint8)) for split in labels
    }


def as_mnist(folder, digits):
    for split, prefix in (("train", "train"), ("test", "t10k")):
        for array, kind in zip(digits[split], ("images-idx3", "labels-idx1"), strict=True):
            (folder / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return Mnist(archives=str(folder), data_dir=str(folder / "tfds"))


def as_idx(folder, digits):
    paths = []
    for split in ("train", "test"):
        for array, name in zip(digits[split], ("images", "labels"), strict=True):
            paths.append(folder / f"{split}-{name}")
            paths[-1].write_bytes(idx(array))
    images, labels, test_images, test_labels = map(str, paths)
    return Arrays(images, labels, test_images=test_images, test_labels=test_labels)


def as_npz(folder, digits):
    arrays = {
        f"{name}_{split}": array
        for split in digits
        for name, array in zip("xy", digits[split], strict=True)
    }
    np.savez(folder / "mnist.npz", **arrays)
    return Arrays(folder / "mnist.npz")


def as_csv(folder, digits):
    for split, (images, labels) in digits.items():
        rows = np.column_stack([labels, images.reshape(len(images), -1)])
        with (folder / f"mnist_{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label", *(f"pixel{i}" for i in range(784))])
            writer.writerows(rows.tolist())
    return Arrays(folder / "mnist_train.csv", test_images=folder / "mnist_test.csv")


def as_folder(folder, digits):
    for split, (images, labels) in digits.items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder / "mnist" / split / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{i}.png")
    return ImageFolder(folder / "mnist")


def as_tfds(folder, digits):
    own = as_mnist(folder, digits)
    own.read("train")
    return Tfds("jaxletters_mnist", data_dir=str(folder / "tfds"))


def in_memory(_, digits):
    (images, labels), (test_images, test_labels) = digits["train"], digits["test"]
    return Arrays(images, labels, test_images=test_images, test_labels=test_labels)


def trained(source, folder):
    config = Config(
        dataset=source,
        split=Split(validation_per_class=2),
        model=MLPConfig(hidden=(8,)),
        training=TrainingConfig(batch_size=20, epochs=2),
    )
    return dispatch.run(config, folder), manifest.load(folder)


@pytest.fixture(scope="module")
def from_mnist(digits, tmp_path_factory):
    """The result and the manifest of a run on MNIST's own files."""
    folder = tmp_path_factory.mktemp("mnist")
    return trained(as_mnist(folder, digits), folder / "run")


@pytest.mark.parametrize("make", [as_idx, as_npz, as_csv, as_folder, as_tfds, in_memory])
def test_the_same_images_are_the_same_data_and_the_same_bits(make, digits, from_mnist, tmp_path):
    expected, about = from_mnist
    (tmp_path / "other").mkdir()
    result, found = trained(make(tmp_path / "other", digits), tmp_path / "run")
    for name in ("splits", "division", "class_names", "image_shape"):
        assert found.data[name] == about.data[name], name
    for name in ("weights", "test_accuracy", "test_loss", "best_step"):
        assert result[name] == expected[name], name


@pytest.mark.parametrize("make", [as_npz, as_folder, as_tfds])
def test_a_finished_run_stays_finished_where_its_data_are_gone(make, digits, tmp_path):
    (tmp_path / "data").mkdir()
    source = make(tmp_path / "data", digits)
    result, _ = trained(source, tmp_path / "run")
    shutil.rmtree(tmp_path / "data")
    again, _ = trained(source, tmp_path / "run")
    assert again == result
    assert user_code.source_files(source) == {}


OWN = """
import dataclasses
import pathlib
import numpy as np
import jaxletters as jl

@dataclasses.dataclass(frozen=True)
class Tiles(jl.Source):
    each: int = jl.setting(12, low=1)
    place: str = jl.setting("anywhere", in_fingerprint=False)

    def info(self):
        return jl.DatasetInfo(("train", "test"), ("red", "green", "blue"), (24, 20, 3), fit="crop")

    def read(self, split):
        hand = np.random.default_rng(split == "test")
        labels = np.arange(3 * self.each) % 3
        images = hand.integers(0, 100, (len(labels), 24, 20, 3))
        images[np.arange(len(labels)), :, :, labels] += 150
        return images.astype(np.uint8), labels

def get_config():
    return jl.Config(
        dataset=Tiles(),
        split=jl.Split(validation_per_class=2),
        model=jl.SimpleConvNetConfig(widths=(4, 8)),
        training=jl.TrainingConfig(batch_size=6, epochs=3),
    )
"""


def own(folder, *changes):
    text = OWN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "tiles.py").write_text(text)
    return configfile.load(folder / "tiles.py")


def test_a_source_of_one_s_own_goes_all_the_way(tmp_path):
    result = dispatch.run(own(tmp_path), tmp_path / "run")
    assert (result["dataset"], result["test_examples"]) == ("Tiles", 36)
    (tmp_path / "tiles.py").unlink()
    picture = np.full((60, 90, 3), (30, 200, 30), np.uint8)
    writer.write(trained_run.load(tmp_path / "run"), tmp_path / "bundle")
    for place in ("run", "bundle"):
        network = loader.load(tmp_path / place)
        assert network.image_shape == (24, 20, 3)
        assert recognition.read(network, picture, "a picture").text == "green"


def test_a_setting_outside_the_identity_is_so_in_a_source_of_one_s_own(tmp_path):
    config = own(tmp_path)
    moved = overrides.apply(config, ["--config.dataset.place=elsewhere"])
    other = overrides.apply(config, ["--config.dataset.each=11"])
    assert fingerprint(config) == fingerprint(moved) != fingerprint(other)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("images.astype(np.uint8)", "images", "found int64 images"),
        ("images.astype(np.uint8)", "images[:, :9].astype(np.uint8)", r"found images \[36, 9, 20"),
        ("np.uint8), labels", "np.uint8), labels + 1", "found labels 1 to 3"),
        ("np.uint8), labels", "np.uint8), labels[1:]", r"labels \[35\]"),
        ("np.uint8), labels", "np.uint8)", "expected images and labels"),
        ("np.uint8), labels", "np.uint8), [[1], [1, 2]]", "Tiles fails: ValueError"),
        ("hand = np", "raise SystemExit(3)\n        hand = np", "SystemExit"),
        ('("red", "green", "blue")', '"rgb"', "not one text"),
        ('("red", "green", "blue")', '("red", "green", "b\\nlue")', "can be printed, found"),
        ('("train", "test")', '("train", "train")', "splits of train"),
        ("hand = np", "hand = 1 / 0 or np", "ZeroDivisionError"),
        ("return jl.DatasetInfo", "return 1 / 0, jl.DatasetInfo", "ZeroDivisionError"),
        ('("red", "green", "blue")', '("red", "green", "red")', "class_names that differ"),
        ('("train", "test")', '("training", "test")', "splits of train"),
        ("(24, 20, 3)", "(24, 20, 2)", "an image_shape"),
        ("(24, 20, 3)", "24", "Tiles fails: TypeError"),
        ('fit="crop"', 'fit="whole"', "as fit"),
        (
            "return jl.DatasetInfo",
            "return 3 or jl.DatasetInfo",
            "expected a DatasetInfo, found int",
        ),
        ("def info(self)", "def about(self)", r"does not define info\(\)"),
    ],
)
def test_what_is_wrong_with_a_source_of_one_s_own_is_one_line(old, new, words, tmp_path):
    with pytest.raises(UserError, match=words) as caught:
        dispatch.run(own(tmp_path, (old, new)), tmp_path / "run")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("config.dataset")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A run that reads generated letters."""
    folder = tmp_path_factory.mktemp("base") / "run"
    config = Config(
        dataset=Arrays(*sketch.draw(520, "train", 0)),
        split=Split(validation_per_class=0, test_share=0.2),
        model=MLPConfig(hidden=(32,)),
        training=TrainingConfig(epochs=6),
    )
    dispatch.run(config, folder)
    return BaseConfig("base.py", str(folder))


def read_by(base, source, folder):
    return dispatch.run(ZeroShotConfig(dataset=source, base=base, folds=2), folder)


def test_a_test_split_that_is_read_alone_is_looked_at(base, tmp_path, capsys):
    images, labels = sketch.draw(130, "test", 1)
    turned = Arrays(
        images,
        labels,
        alphabets.LETTERS,
        test_images=images.transpose(0, 2, 1),
        test_labels=labels,
    )
    read_by(base, turned, tmp_path / "zero_shot")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "orientation" in line]
    assert line.startswith("Look: test: ")
    assert "config.dataset.orientation=transposed" in line


def test_classes_are_known_by_their_names_whatever_their_numbers(base, tmp_path):
    images, labels = sketch.draw(260, "test", 1)
    # From 1, as the base's, and as letters, of which A is the first.
    one = read_by(base, Arrays(images, labels), tmp_path / "numbers")
    named = [alphabets.LETTERS[label] for label in labels]
    other = read_by(base, Arrays(images, named), tmp_path / "letters")
    assert one["test_accuracy"] == other["test_accuracy"] > 0.1
    assert one["class_accuracy"] == other["class_accuracy"]


def test_examples_of_a_class_without_meaning_are_not_those_of_another(tmp_path):
    images, labels = sketch.draw(520, "train", 0)
    config = Config(
        dataset=Arrays(images, [alphabets.LETTERS[label] for label in labels]),
        split=Split(validation_per_class=0, test_share=0.2),
        model=MLPConfig(hidden=(8,)),
        training=TrainingConfig(epochs=1),
    )
    dispatch.run(config, tmp_path / "base")
    others, tested = sketch.draw(130, "test", 1)
    # The label 0 of EMNIST Letters is unused: these begin at 0 by mistake.
    shifted = Arrays(others, tested - 1, alphabets.LETTERS)
    with pytest.raises(UserError, match="found 5 labelled N/A"):
        read_by(BaseConfig("base.py", str(tmp_path / "base")), shifted, tmp_path / "zero_shot")


def test_what_numpy_gives_is_taken_for_what_it_is(tmp_path):
    config = own(
        tmp_path,
        ('("red", "green", "blue")', 'np.array(["red", "green", "blue"])'),
        ("(24, 20, 3)", "np.array([24, 20, 3])"),
    )
    about = datasets.info(config.dataset)
    assert about.class_names == ("red", "green", "blue")
    assert about.image_shape == (24, 20, 3)


def test_a_run_of_an_own_source_whose_files_are_gone_stays_finished(tmp_path):
    reads = "hand = np.random.default_rng(len(pathlib.Path(self.place).read_text()))"
    config = own(tmp_path, ('hand = np.random.default_rng(split == "test")', reads))
    there = tmp_path / "there.txt"
    there.write_text("some")
    config = overrides.apply(config, [f"--config.dataset.place={there}"])
    result = dispatch.run(config, tmp_path / "run")
    there.unlink()
    assert dispatch.run(config, tmp_path / "run") == result
    with pytest.raises(UserError, match="FileNotFoundError"):
        dispatch.run(config, tmp_path / "another")


@pytest.mark.parametrize("ink", [0, 255])
def test_strokes_on_transparent_are_read_as_they_are_learned(ink, tmp_path):
    for label in range(3):
        (tmp_path / "mine" / str(label)).mkdir(parents=True)
        for i in range(20):
            picture = np.full((28, 28, 4), ink, np.uint8)
            picture[..., 3] = 0
            picture[4 + 8 * label : 9 + 8 * label, 3 + i % 4 : 24, 3] = 255
            Image.fromarray(picture).save(tmp_path / "mine" / str(label) / f"{i}.png")
    config = Config(
        dataset=ImageFolder(tmp_path / "mine"),
        split=Split(validation_per_class=0, test_share=0.2),
        model=MLPConfig(hidden=(16,)),
        training=TrainingConfig(batch_size=12, epochs=15),
    )
    assert dispatch.run(config, tmp_path / "run")["test_accuracy"] == 1
    network = loader.load(tmp_path / "run")
    for label in range(3):
        file = tmp_path / "mine" / str(label) / "3.png"
        assert recognition.read(network, pictures_of.read(file), "a picture").text == str(label)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_read_as_they_were_learned_from(channels, tmp_path):
    script = (runs.ROOT / "examples" / "own_images.py").read_text()
    names = {"__name__": "own_images"}
    exec(script, names)
    names["draw"](tmp_path / "mine", per_class=15)
    config = Config(
        dataset=ImageFolder(tmp_path / "mine", size=(36, 32), fit="emnist", channels=channels),
        split=Split(validation_per_class=0, test_share=0.2),
        model=MLPConfig(hidden=(32,)),
        training=TrainingConfig(batch_size=12, epochs=2),
    )
    dispatch.run(config, tmp_path / "run")
    network = loader.load(tmp_path / "run")
    images, labels = config.dataset.read("train")
    names = config.dataset.info().class_names
    files = [file for name in names for file in sorted((tmp_path / "mine" / name).iterdir())]
    read = [recognition.read(network, pictures_of.read(file), "a picture").text for file in files]
    assert tuple(read) == network.predict(images).names
    assert [file.parent.name for file in files] == [names[label] for label in labels]

"""Several datasets are one, with one table of classes, and the characters of all on one canvas."""

import dataclasses

import numpy as np
import pytest

from jaxletters.config import overrides, serialization, validation
from jaxletters.config.builtin_sources import AlphaDigits, Emnist, Mnist, SketchLetters
from jaxletters.config.schema import Config
from jaxletters.config.slots import DatasetInfo, Source
from jaxletters.config.sources import Arrays, ImageFolder, Joined
from jaxletters.core.errors import UserError
from jaxletters.data import canvas, datasets
from jaxletters.data.datasets import DatasetSplits
from jaxletters.runs import data_description

EMNIST = ("N/A", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclasses.dataclass(frozen=True)
class Drawn(Source):
    """A few images of noise, as a user's source."""

    names: tuple[str, ...] = ("A", "B")
    size: int = 28
    fit: str = "emnist"
    inverted: bool = False
    splits: tuple[str, ...] = ("train", "test")
    seed: int = 0

    def info(self):
        shape = (self.size, self.size)
        return DatasetInfo(
            self.splits, self.names, shape, self.fit, self.inverted, (f"seed {self.seed}",)
        )

    def read(self, split):
        rng = np.random.default_rng((self.seed, len(split)))
        images = rng.integers(0, 256, (6, self.size, self.size)).astype(np.uint8)
        return images, np.arange(6) % len(self.names)

    def note(self, digests):
        return f"drawn {len(digests)}"


ONE, OTHER = Drawn(), Drawn(("N/A", "C", "B"), seed=1)


def test_digits_and_letters_are_thirty_six_classes_and_the_unused_one():
    info = Joined((Mnist(), Emnist())).info()
    assert info.class_names == ("N/A", *"0123456789", *EMNIST[1:])
    assert (info.splits, info.image_shape, info.fit) == (("train", "test"), (28, 28), "emnist")
    assert Joined((Mnist(), Emnist())).name == "mnist+emnist_letters"


def test_classes_of_one_name_are_one_class():
    joined = Joined((ONE, OTHER))
    assert joined.info().class_names == ("N/A", "A", "B", "C")
    images, labels = joined.read("train")
    assert labels.tolist() == [1, 2, 1, 2, 1, 2, 0, 3, 2, 0, 3, 2]
    np.testing.assert_array_equal(
        images, np.concatenate([s.read("train")[0] for s in (ONE, OTHER)])
    )


def test_remarks_and_notes_are_those_of_all():
    joined = Joined((ONE, OTHER))
    assert joined.info().remarks == ("seed 0", "seed 1")
    splits = DatasetSplits(joined)
    assert (
        data_description.describe(splits, splits.names)["note"] == "Drawn: drawn 2, Drawn: drawn 2"
    )
    assert Joined((Mnist(), Emnist())).info().remarks


@pytest.mark.parametrize("order", [1, -1])
def test_characters_on_mnist_s_canvas_are_brought_to_emnist_s_and_their_hashes_stay(order):
    digits = Drawn(("0", "1"), fit="mnist", seed=2)
    members = (digits, ONE)[::order]
    splits = DatasetSplits(Joined(members))
    whole = splits.whole("train")
    expected = [
        canvas.as_emnist(member.read("train")[0]) if member is digits else member.read("train")[0]
        for member in members
    ]
    np.testing.assert_array_equal(splits.take(whole).images, np.concatenate(expected))
    alone = [DatasetSplits(member) for member in members]
    hashes = [member.hashes(member.whole("train")) for member in alone]
    np.testing.assert_array_equal(splits.hashes(whole), np.concatenate(hashes))


def test_one_canvas_is_kept():
    joined = Joined((Drawn(fit="mnist"), Drawn(fit="single_mnist", seed=1)))
    assert joined.info().fit == "mnist"
    np.testing.assert_array_equal(datasets.load(joined, "train").images, joined.read("train")[0])


def test_a_source_that_resizes_its_images_is_joined_with_others(tmp_path, write_alpha_digits):
    write_alpha_digits(tmp_path)
    capitals = AlphaDigits(archives=str(tmp_path), data_dir=str(tmp_path / "tfds"), resize="area")
    splits = DatasetSplits(Joined((capitals, Drawn(splits=("train",)))))
    images = splits.take(splits.whole("train")).images
    np.testing.assert_array_equal(images[:1014], datasets.load(capitals, "train").images)


@pytest.mark.parametrize(
    ("other", "expected", "found"),
    [
        (Drawn(size=8), "28x28 pixels", "8x8 pixels"),
        (Drawn(splits=("train",)), "test, train", "train"),
        (Drawn(fit="pad"), "emnist", "pad"),
        (Drawn(inverted=True), "bright", "dark"),
    ],
)
def test_sources_that_differ_are_an_error_before_images_are_read(
    other, expected, found, monkeypatch
):
    monkeypatch.delattr(Drawn, "read")
    with pytest.raises(UserError) as error:
        datasets.info(Joined((ONE, ONE, other)))
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("config.dataset.sources.2: ")
    assert f"({expected})" in message
    assert f"found {found} " in message


def test_an_error_of_a_source_names_its_setting(tmp_path):
    missing = ImageFolder(str(tmp_path / "none"), fit="emnist")
    with pytest.raises(UserError, match=r"config\.dataset\.sources\.1"):
        datasets.info(Joined((ONE, missing)))


@pytest.mark.parametrize("sources", [(), (Mnist(),), (Mnist(), Joined((Mnist(), Emnist())))])
def test_fewer_than_two_sources_or_joined_ones_are_an_error(sources):
    with pytest.raises(UserError, match=r"config\.dataset\.sources: "):
        validation.check(Config(dataset=Joined(sources)), device_count=1)


def test_it_is_here_if_all_are(tmp_path):
    there = Arrays(np.zeros((2, 4, 4), np.uint8), np.arange(2))
    assert Joined((there, there)).is_here()
    assert not Joined((there, Arrays(str(tmp_path / "none.npz")))).is_here()


def test_config_json_and_the_command_line_have_every_setting_of_the_sources():
    config = Config(dataset=Joined((Mnist(), SketchLetters(size=500))))
    assert serialization.from_dict(serialization.to_dict(config), config) == config
    changed = overrides.apply(config, ["--config.dataset.sources.1.size=600"])
    assert changed.dataset == Joined((Mnist(), SketchLetters(size=600)))
    named = overrides.apply(config, ["--config.dataset=mnist+emnist_letters"])
    assert named.dataset == Joined((Mnist(), Emnist()))

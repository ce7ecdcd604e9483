"""Whatever TFDS has prepared is read by its name, without its builder and without TensorFlow."""

import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from jaxletters.config.augmentation import AugmentConfig
from jaxletters.config.builtin_sources import Mnist
from jaxletters.config.models import SimpleConvNetConfig
from jaxletters.config.schema import Config, Split
from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import Tfds
from jaxletters.config.training import TrainingConfig
from jaxletters.core.errors import UserError
from jaxletters.data import datasets
from jaxletters.data.builders import base
from jaxletters.data.sources import records, tfds_dataset
from jaxletters.experiments import dispatch
from jaxletters.reading import loader, recognition

NAMES = ("circle", "square", "star")


def prepare(
    folder,
    splits,
    image=None,
    version="1.0.0",
    name="shapes",
    config=None,
    more=None,
    keys=None,
):
    """Prepares a dataset, in the order of its examples, by a builder that nobody finds afterwards.

    Args:
        folder: TFDS's data_dir.
        splits: of each, the examples' images and labels.
        image: the feature of the images.
        version: of the dataset.
        name: of the dataset.
        config: the name of a config.
        more: other features, by name, and each's value.
        keys: the supervised keys.
    """

    class Maker(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)] if config else []

        def _info(self):
            features = {
                "image": image or tfds.features.Image(shape=(32, 32, 3)),
                "label": tfds.features.ClassLabel(names=NAMES),
            } | {key: feature for key, (feature, _) in (more or {}).items()}
            return base.OfflineInfo(  # which does not ask the network
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=keys,
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            del dl_manager  # nothing is downloaded
            return {split: self._generate_examples(*arrays) for split, arrays in splits.items()}

        def _generate_examples(self, images, labels):
            others = {key: value for key, (_, value) in (more or {}).items()}
            for i, (picture, label) in enumerate(zip(images, labels, strict=True)):
                yield i, {"image": picture, "label": int(label)} | others

    Maker.name = name
    with records.silence_tfds():
        builder = Maker(data_dir=folder)
        builder.download_and_prepare(file_format="array_record")
    return builder.data_path


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return io.BytesIO(file.getvalue())


def colour(n, seed=0, size=(32, 32)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *size, 3)).astype(np.uint8), np.arange(n) % 3


def stored(images, labels):
    return [png(image) for image in images], labels


@pytest.fixture
def shapes(tmp_path):
    """The data_dir of a dataset in colour, and what each split holds."""
    splits = {"train": colour(30), "test": colour(12, seed=1)}
    prepare(
        tmp_path,
        splits={name: stored(*arrays) for name, arrays in splits.items()},
        keys=("image", "label"),
    )
    return tmp_path, splits


def test_any_dataset_is_read_by_name(shapes):
    folder, splits = shapes
    config = Tfds("shapes", data_dir=str(folder))
    about = tfds_dataset.info(config)
    assert about == DatasetInfo(("train", "test"), NAMES, (32, 32, 3))
    for _ in range(2):  # from the records, then from the copy
        for split, (images, labels) in splits.items():
            found = tfds_dataset.load(config, split)
            np.testing.assert_array_equal(found[0], images)
            np.testing.assert_array_equal(found[1], labels)
            assert (found[0].dtype, found[1].dtype) == (np.uint8, np.int32)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_it_trains_by_name_and_reads_pictures(shapes, tmp_path):
    config = Config(
        dataset=Tfds("shapes", data_dir=str(shapes[0])),
        split=Split(validation_per_class=1),
        model=SimpleConvNetConfig(widths=(4, 8)),
        augment=AugmentConfig(rotation=10, shift=2, elastic=0.5, erase=4),
        training=TrainingConfig(batch_size=10, epochs=1),
        test_shift=1,
    )
    result = dispatch.run(config, tmp_path / "run")
    assert (result["dataset"], result["test_examples"]) == ("shapes", 12)
    network = loader.load(tmp_path / "run")
    assert network.class_names == NAMES
    # Whatever its size, a picture is one image to this network.
    picture = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    (letter,) = recognition.read(network, picture, "a picture").characters
    assert letter.image.shape == (32, 32, 3)
    assert letter.box == (0, 0, 40, 50)


FRESH = """
import sys
from jaxletters.config.sources import Tfds
source = Tfds("shapes", data_dir=sys.argv[1])
images, labels = source.read("train")
print(source.info().class_names, images.shape, int(images.sum()), "tensorflow" in sys.modules)
"""


@pytest.mark.slow
def test_a_process_that_never_saw_the_builder_reads_it_without_tensorflow(shapes):
    folder, splits = shapes
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder)], capture_output=True, text=True, check=True
    )
    total = int(splits["train"][0].sum())
    assert done.stdout == f"{NAMES} (30, 32, 32, 3) {total} False\n"


def test_records_are_decoded_once(shapes, monkeypatch):
    config = Tfds("shapes", data_dir=str(shapes[0]))
    first = tfds_dataset.load(config, "train")
    monkeypatch.setattr(tfds_dataset, "_decode_split", None)
    np.testing.assert_array_equal(tfds_dataset.load(config, "train")[0], first[0])


def test_the_copy_never_outlives_its_records(shapes):
    config = Tfds("shapes", data_dir=str(shapes[0]))
    tfds_dataset.load(config, "train")
    (copy,) = shapes[0].rglob("train.images.npy")
    copy.write_bytes(copy.read_bytes()[:-1] + b"\0")
    np.testing.assert_array_equal(tfds_dataset.load(config, "train")[0], shapes[1]["train"][0])


def test_orientation_and_channels(shapes):
    folder, splits = shapes
    config = Tfds("shapes", data_dir=str(folder), channels=1, orientation="transposed")
    about = tfds_dataset.info(config)
    assert about.image_shape == (32, 32)
    assert "grey" in " ".join(about.remarks)
    images, _ = tfds_dataset.load(config, "train")
    grey = [Image.fromarray(image).convert("L") for image in splits["train"][0]]
    np.testing.assert_array_equal(images, [np.asarray(image).T for image in grey])


@pytest.mark.parametrize(
    "feature",
    [
        tfds.features.Image(shape=(8, 6, 1)),
        tfds.features.Tensor(shape=(8, 6), dtype=np.uint8),
        tfds.features.Tensor(shape=(8, 6, 1), dtype=np.uint8, encoding="zlib"),
    ],
)
def test_grey(tmp_path, feature):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 6)).astype(np.uint8)
    examples = [png(image) for image in pixels]
    if isinstance(feature, tfds.features.Tensor):
        examples = list(pixels.reshape(6, *feature.shape))
    prepare(tmp_path, {"train": (examples, [0, 1, 2] * 2)}, feature)
    config = Tfds("shapes", data_dir=str(tmp_path))
    assert tfds_dataset.info(config).image_shape == (8, 6)
    np.testing.assert_array_equal(tfds_dataset.load(config, "train")[0], pixels)
    coloured = tfds_dataset.load(dataclasses.replace(config, channels=3), "train")[0]
    np.testing.assert_array_equal(coloured, np.repeat(pixels[..., None], 3, axis=3))


def test_sixteen_bits_are_scaled_and_said(tmp_path):
    pixels = (np.arange(48).reshape(1, 8, 6) * 257).astype(np.uint16)
    for name, feature, example in (
        ("encoded", tfds.features.Image(shape=(8, 6, 1), dtype=np.uint16), png(pixels[0])),
        ("tensor", tfds.features.Tensor(shape=(8, 6), dtype=np.uint16), pixels[0]),
    ):
        prepare(tmp_path, {"train": ([example], [0])}, feature, name=name)
        config = Tfds(name, data_dir=str(tmp_path))
        np.testing.assert_array_equal(tfds_dataset.load(config, "train")[0], pixels // 257)
        assert "16 bits" in " ".join(tfds_dataset.info(config).remarks)


def test_transparent_pixels_are_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :, 3] = 255
    prepare(tmp_path, {"train": ([png(pixels)], [0])}, tfds.features.Image(shape=(4, 4, 4)))
    config = Tfds("shapes", data_dir=str(tmp_path))
    images, _ = tfds_dataset.load(config, "train")
    assert images.shape == (1, 4, 4, 3)
    assert not images[0, :2].any()
    assert (images[0, 2:] == 255).all()
    assert "ransparent" in " ".join(tfds_dataset.info(config).remarks)


def test_images_of_many_sizes_need_one(tmp_path):
    feature = tfds.features.Image()
    prepare(tmp_path, {"train": stored(*colour(3, size=(9, 7)))}, feature)
    config = Tfds("shapes", data_dir=str(tmp_path))
    with pytest.raises(UserError, match=r"config\.dataset\.size: expected a height and a width"):
        tfds_dataset.info(config)
    pytest.importorskip("jaxletters.data.resize")
    sized = dataclasses.replace(config, size=(12, 16))
    about = tfds_dataset.info(sized)
    assert (about.image_shape, about.fit) == ((12, 16, 3), "pad")
    assert tfds_dataset.load(sized, "train")[0].shape == (3, 12, 16, 3)
    grey = dataclasses.replace(sized, channels=1)
    assert tfds_dataset.load(grey, "train")[0].shape == (3, 12, 16)


def test_splits_have_one_name_and_the_rest_is_said(tmp_path):
    splits = {name: stored(*colour(3)) for name in ("train", "valid", "extra")}
    prepare(tmp_path, splits=splits)
    about = tfds_dataset.info(Tfds("shapes", data_dir=str(tmp_path)))
    assert about.splits == ("train", "validation")
    assert any("extra" in remark for remark in about.remarks)
    images, _ = tfds_dataset.load(Tfds("shapes", data_dir=str(tmp_path)), "validation")
    np.testing.assert_array_equal(images, colour(3)[0])


def test_configs_and_versions(tmp_path):
    for config, version, count in (
        ("small", "1.0.0", 3),
        ("small", "1.9.0", 6),
        ("small", "1.10.0", 9),
        ("large", "1.0.0", 12),
    ):
        prepare(tmp_path, splits={"train": stored(*colour(count))}, version=version, config=config)
    for name, count in (
        ("shapes/small", 9),
        ("shapes/small:1.9.0", 6),
        ("shapes/small:1.*.*", 9),
        ("shapes/large", 12),
    ):
        assert len(tfds_dataset.load(Tfds(name, data_dir=str(tmp_path)), "train")[1]) == count
    with pytest.raises(UserError, match=r"found 2\.0\.0.* 1\.0\.0, 1\.10\.0, 1\.9\.0"):
        tfds_dataset.info(Tfds("shapes/small:2.0.0", data_dir=str(tmp_path)))
    # As TFDS says which config it takes where none is named.
    metadata = tmp_path / "shapes" / ".config" / "metadata.json"
    metadata.write_text('{"default_config_name": "large"}')
    assert len(tfds_dataset.load(Tfds("shapes", data_dir=str(tmp_path)), "train")[1]) == 12
    metadata.unlink()
    with pytest.raises(UserError, match="shapes/large, shapes/small"):
        tfds_dataset.info(Tfds("shapes", data_dir=str(tmp_path)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shaps", r"found shaps \(did you mean 'shapes'\?\).*download_and_prepare"),
        ("shapes/large", r"found shapes/large.*tfds\.builder\(\"shapes/large\""),
        ("../shapes", "expected a name such as"),
    ],
)
def test_what_is_not_prepared_is_said_in_one_line(shapes, name, message):
    with pytest.raises(UserError, match=message) as caught:
        tfds_dataset.info(Tfds(name, data_dir=str(shapes[0])))
    assert "\n" not in str(caught.value)


def edit(folder, file, change):
    (path,) = folder.rglob(file)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_other_file_formats_are_said_with_how_to_convert_them(shapes):
    edit(shapes[0], "dataset_info.json", lambda about: about.update(fileFormat="tfrecord"))
    with pytest.raises(UserError, match=r"array_record.*found tfrecord.*tfds convert_format"):
        tfds_dataset.info(Tfds("shapes", data_dir=str(shapes[0])))


def test_a_dataset_that_was_converted_is_read(shapes):
    def converted(about):
        about.update(fileFormat="tfrecord", alternativeFileFormats=["array_record"])

    edit(shapes[0], "dataset_info.json", converted)
    images, _ = tfds_dataset.load(Tfds("shapes", data_dir=str(shapes[0])), "train")
    np.testing.assert_array_equal(images, shapes[1]["train"][0])


def test_damage_is_said_in_one_line(shapes):
    (records,) = shapes[0].rglob("*train.array_record*")
    records.write_bytes(b"damage")
    with pytest.raises(UserError, match=r"expected .* array_record format, found") as caught:
        tfds_dataset.load(Tfds("shapes", data_dir=str(shapes[0])), "train")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "keys", "wanted"),
    [
        ({"other": (tfds.features.ClassLabel(num_classes=2), 1)}, None, "class label"),
        ({"mask": (tfds.features.Tensor(shape=(2, 2), dtype=np.uint8), 1)}, None, "image"),
        ({"other": (tfds.features.ClassLabel(num_classes=2), 1)}, ("image", "other"), None),
    ],
)
def test_what_is_image_and_label_must_be_clear(tmp_path, more, keys, wanted):
    if "mask" in more:
        more = {"mask": (more["mask"][0], np.ones((2, 2), np.uint8))}
    prepare(tmp_path, splits={"train": stored(*colour(3))}, more=more, keys=keys)
    config = Tfds("shapes", data_dir=str(tmp_path))
    if wanted is None:
        assert tfds_dataset.info(config).class_names == ("0", "1")
        assert tfds_dataset.load(config, "train")[1].tolist() == [1, 1, 1]
    else:
        with pytest.raises(UserError, match=f"expected .*{wanted}"):
            tfds_dataset.info(config)


def test_other_images_are_left_alone(tmp_path):
    # TFDS decodes no 16 bits without OpenCV.
    depth = tfds.features.Image(shape=(2, 2, 1), dtype=np.uint16)
    prepare(
        tmp_path,
        splits={"train": stored(*colour(1))},
        more={"depth": (depth, png(np.ones((2, 2), np.uint16)))},
        keys=("image", "label"),
    )
    images, _ = tfds_dataset.load(Tfds("shapes", data_dir=str(tmp_path)), "train")
    np.testing.assert_array_equal(images, colour(1)[0])


def test_examples_without_labels_are_refused(tmp_path):
    prepare(tmp_path, splits={"train": stored(*colour(3)), "test": stored(colour(3)[0], [-1] * 3)})
    with pytest.raises(UserError, match=r"label .* of test, found 3"):
        tfds_dataset.load(Tfds("shapes", data_dir=str(tmp_path)), "test")


@pytest.mark.parametrize("turned", ["upright", "transposed"])
def test_tfds_own_emnist_is_said_to_be_transposed_and_incomplete(tmp_path, turned):
    prepare(tmp_path, splits={"train": stored(*colour(3))}, name="emnist", config="letters")
    config = Tfds("emnist/letters", data_dir=str(tmp_path), orientation=turned)
    remarks = " ".join(tfds_dataset.info(config).remarks)
    assert ("orientation=transposed" in remarks) == (turned == "upright")
    assert "incomplete" in remarks


def test_the_own_datasets_are_the_same_by_either_way(tmp_path, write_mnist):
    write_mnist(tmp_path / "archives")
    own = Mnist(archives=str(tmp_path / "archives"), data_dir=str(tmp_path))
    for split in ("train", "test"):
        expected = datasets.load(own, split)
        images, labels = tfds_dataset.load(Tfds("jaxletters_mnist", data_dir=str(tmp_path)), split)
        assert images.tobytes() == expected.images.tobytes()
        assert labels.tobytes() == expected.labels.tobytes()
    assert tfds_dataset.info(Tfds("jaxletters_mnist", data_dir=str(tmp_path))).class_names == (
        expected.class_names
    )

"""Datasets that TFDS has prepared, whether or not the code that prepared them can be imported here."""

import contextlib
import fnmatch
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core import constants

from jaxletters.config import sources
from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import Tfds
from jaxletters.config.validation import nearest
from jaxletters.core.errors import UserError, printable
from jaxletters.data import orientation, resize
from jaxletters.data.builders import base
from jaxletters.data.formats import alphabets
from jaxletters.data.sources import cache
from jaxletters.runtime import files

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.+-]+))?(:(?P<version>[\d.*]+))?", re.ASCII)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_FORMAT = "array_record"
_AGAIN = "prepare it again"
# What TFDS's datasets call each split.
_SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
_READ_AT_ONCE = 1000


class _Prepared(NamedTuple):
    """A prepared dataset.

    Attributes:
        folder: that has its records.
        builder: TFDS's, which reads them.
        image: the feature that is the image.
        label: the feature that is the label.
        splits: TFDS's name of each split.
        image_shape: of what `read` returns.
    """

    folder: Path
    builder: Any
    image: str
    label: str
    splits: dict[str, str]
    image_shape: tuple[int, ...]


def info(config: Tfds) -> DatasetInfo:
    """Returns what a prepared dataset holds, without a look at its images.

    Raises:
        UserError: it is not prepared, or has no images with one class each.
    """
    found = _open(config)
    names = tuple(found.builder.info.features[found.label].names)
    return DatasetInfo(
        splits=tuple(found.splits),
        class_names=names,
        image_shape=found.image_shape,
        fit=resize.single(config.fit) if config.size else alphabets.fit(names, found.image_shape),
        remarks=tuple(_remarks(config, found)),
    )


def is_here(config: Tfds) -> bool:
    """Returns whether a dataset is prepared."""
    with contextlib.suppress(UserError):
        return _find(config) is not None
    return False


def read(config: Tfds, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split in the order of its records.

    A memory-mapped copy beside the records makes every later reading fast.

    Args:
        config: the dataset.
        split: one of `info(config).splits`.

    Returns:
        uint8 images `[n, h, w]` or `[n, h, w, 3]`, and int32 labels `[n]`.

    Raises:
        UserError: the records are damaged, an image has another size than the rest, or a label is missing.
    """
    found = _open(config)
    folder = found.folder / "arrays"
    files.remove_stale(folder, "*.part")
    name = split
    if config.size or config.channels:
        name += f"-{'x'.join(map(str, found.image_shape))}-{config.fit}"
    with base.prepared(found.folder, _AGAIN):
        records = cache.key(base.record_files(found.builder, found.splits[split]))
        arrays = cache.read(folder, name, records)
        if arrays is None:
            arrays = _read_records(config, found, split)
            cache.write(folder, name, records, *arrays)
    images, labels = arrays
    for array in arrays:
        array.flags.writeable = False
    return orientation.upright(images, config.orientation), labels


def _read_records(config: Tfds, found: _Prepared, split: str) -> tuple[np.ndarray, np.ndarray]:
    # As stored: TFDS's own decoder fails on 16 bits and takes palettes for grey.
    as_stored = {
        name: tfds.decode.SkipDecoding()
        for name, feature in found.builder.info.features.items()
        if isinstance(feature, tfds.features.Image)
    }
    source = found.builder.as_data_source(found.splits[split], decoders=as_stored)
    images = np.empty((len(source), *found.image_shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), _READ_AT_ONCE):
        keys = range(start, min(start + _READ_AT_ONCE, len(source)))
        for i, example in zip(keys, source.__getitems__(keys), strict=True):
            labels[i] = example[found.label]
            image = _pixels(example[found.image], config, found.image_shape)
            if image.shape != found.image_shape:
                raise UserError(
                    f"{config.dataset}: expected images of {_text(found.image_shape)} pixels, found one of "
                    f"{_text(image.shape)}; set config.dataset.size"
                )
            images[i] = image
    missing = np.count_nonzero(labels < 0)
    if missing:
        raise UserError(
            f"{config.dataset}: expected a label for every example of {split}, found {missing:,} without "
            "one; if these are the test examples, set config.split.test_share to test on others"
        )
    return images, labels


def _pixels(value: Any, config: Tfds, shape: tuple[int, ...]) -> np.ndarray:
    """Returns an encoded image, or one as an array, as uint8 `[h, w]` or `[h, w, 3]`."""
    if not isinstance(value, np.ndarray):
        with Image.open(io.BytesIO(value)) as file:
            file.load()
        value = np.asarray(file) if file.mode.startswith("I") else file
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8:
            value = np.rint(value / 257).astype(np.uint8)
        value = Image.fromarray(value[..., 0] if value.shape[2:] == (1,) else value)
    if value.has_transparency_data:
        value = value.convert("RGBA")
        value = Image.alpha_composite(Image.new("RGBA", value.size, "white"), value)
    mode = "RGB" if len(shape) > 2 else "L"
    image = np.asarray(value.convert(mode))
    if not config.size:
        return image
    return resize.fit(image, config.size, 3 if mode == "RGB" else 1, config.fit)


def _open(config: Tfds) -> _Prepared:
    folder = _find(config)
    with base.quiet(), base.prepared(folder, _AGAIN):
        builder: Any = tfds.builder_from_directory(folder)
        formats = {each.value for each in builder.info.available_file_formats()}
        if _FORMAT not in formats:
            raise UserError(
                f"{folder}: expected records in {_FORMAT} format, found {', '.join(sorted(formats))}; "
                "convert them, where tensorflow, apache-beam and mlcroissant are installed: tfds "
                f"convert_format --dataset_version_dir={folder} --out_file_format={_FORMAT} --num_workers=1"
            )
        if builder.info.file_format.value != _FORMAT:
            # With `file_format`, TFDS 4.9.10 refuses to open a dataset that was converted.
            builder.info.set_file_format(_FORMAT, override=True, override_if_initialized=True)
        image, label = _keys(config, builder.info)
        sizes = builder.info.splits
        splits = {
            ours: theirs
            for ours, names in _SPLITS.items()
            for theirs in [next((n for n in names if n in sizes and sizes[n].num_examples), "")]
            if theirs
        }
    if "train" not in splits:
        raise UserError(
            f"config.dataset.dataset: expected a split train in {config.dataset}, found "
            f"{', '.join(sizes) or 'none'}; choose another dataset"
        )
    shape = _image_shape(config, builder.info.features[image].shape)
    return _Prepared(folder, builder, image, label, splits, shape)


def _image_shape(config: Tfds, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    height, width, channels = (*shape, 1)[:3]
    colour = config.channels == 3 if config.channels else channels not in (1, 2)
    size = config.size or tuple(pixels for pixels in (height, width) if pixels)
    if len(size) != 2:
        raise UserError(
            f"config.dataset.size: expected a height and a width, since the images of {config.dataset} do "
            f"not have one size, found {size}; set it, such as (64, 64)"
        )
    return (*size, 3) if colour else size


def _keys(config: Tfds, about: tfds.core.DatasetInfo) -> tuple[str, str]:
    """Returns the names of the features that are the image and the label."""
    features: Any = about.features
    images = [name for name, feature in features.items() if _is_image(feature)]
    labels = [n for n, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    keys: Any = about.supervised_keys or ()
    if len(keys) == 2 and keys[0] in images and keys[1] in labels:
        return keys
    for wanted, names in (("image of 8 or 16 bits", images), ("class label", labels)):
        if len(names) != 1:
            raise UserError(
                f"config.dataset.dataset: expected a dataset with one {wanted} per example, found "
                f"{', '.join(names) or 'none'} among the features of {config.dataset} "
                f"({', '.join(features)}); choose a dataset of image classification"
            )
    return images[0], labels[0]


def _is_image(feature: Any) -> bool:
    if type(feature) not in (tfds.features.Image, tfds.features.Tensor):
        return False
    shape = feature.shape
    pixels = feature.np_dtype in (np.uint8, np.uint16)
    return pixels and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2, 3, 4)))


def _remarks(config: Tfds, found: _Prepared) -> Iterator[str]:
    about = found.builder.info
    ignored = [name for name in about.splits if name not in found.splits.values()]
    if ignored:
        yield f"Of TFDS's splits, {', '.join(ignored)} are not used."
    feature = about.features[found.image]
    if feature.np_dtype == np.uint16:
        yield "The images' 16 bits were scaled to 8."
    channels = (*feature.shape, 1)[2]
    if channels in (2, 4):
        yield "Transparent pixels were taken for white."
    if channels > 2 and len(found.image_shape) == 2:
        yield "The images' colours were turned into grey."
    if about.name == "emnist":
        if config.orientation == sources.UPRIGHT:
            yield (
                "TFDS's EMNIST lies transposed: set config.dataset.orientation=transposed to turn it upright."
            )
        if found.folder.parent.name == "letters":
            yield (
                "TFDS's emnist/letters is incomplete: of its test split, T to Z and half of S are missing; "
                "Emnist() reads all of it, upright."
            )


def _find(config: Tfds) -> Path:
    """Returns the folder of the version that is meant.

    Raises:
        UserError: there is none.
    """
    root = files.expand_user(config.data_dir or constants.DATA_DIR).absolute()
    meant = _NAME.fullmatch(config.dataset)
    if not meant:
        raise UserError(
            "config.dataset.dataset: expected a name such as kmnist, emnist/balanced or "
            f"emnist/balanced:3.1.0, found {printable(config.dataset)!r}; name one"
        )
    name, wanted, version = meant["name"], meant["config"], meant["version"]
    versions: dict[tuple[str, ...], list[str]] = {}
    for file in (*root.glob("*/*/dataset_info.json"), *root.glob("*/*/*/dataset_info.json")):
        if _VERSION.fullmatch(file.parent.name):
            key = file.parent.parent.relative_to(root).parts
            versions.setdefault(key, []).append(file.parent.name)
    configs = sorted(key[1] for key in versions if key[0] == name and len(key) > 1)
    if not wanted and (name,) not in versions and configs:
        wanted = _default_config(root / name) if len(configs) > 1 else configs[0]
        if wanted not in configs:
            raise UserError(
                f"config.dataset.dataset: expected one of {name}'s configs, found {config.dataset}; "
                f"name one: {', '.join(f'{name}/{each}' for each in configs)}"
            )
    key = (name, wanted) if wanted else (name,)
    fitting = [each for each in versions.get(key, ()) if fnmatch.fnmatchcase(each, version or "*")]
    if fitting:
        newest = max(fitting, key=lambda text: [int(number) for number in text.split(".")])
        return root.joinpath(*key, newest)
    if key in versions:
        raise UserError(
            f"config.dataset.dataset: expected a version of {'/'.join(key)} that is prepared in {root}, "
            f"found {version}; there are {', '.join(sorted(versions[key]))}"
        )
    command = f'import tensorflow_datasets as tfds; tfds.builder("{config.dataset}", '
    command += f'data_dir="{root}", file_format="{_FORMAT}").download_and_prepare()'
    raise UserError(
        f"config.dataset.dataset: expected a dataset that is prepared in {root}, found "
        f"{config.dataset}{nearest('/'.join(key), map('/'.join, versions))}; set config.dataset.data_dir, or "
        f"prepare it, where TensorFlow is installed: python -c '{command}'"
    )


def _default_config(folder: Path) -> str:
    try:
        return json.loads((folder / ".config" / "metadata.json").read_bytes())[
            "default_config_name"
        ]
    except (OSError, ValueError, KeyError):
        return ""


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

"""A dataset that TFDS has prepared, read without its builder's code and without TensorFlow."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow_datasets as tfds
from numpy.typing import NDArray
from PIL import Image

from jaxletters.config.slots import DatasetInfo
from jaxletters.config.sources import UPRIGHT, Tfds
from jaxletters.core.errors import UserError, format_size
from jaxletters.data import images, naming, orientation, resize
from jaxletters.data.formats import alphabets
from jaxletters.data.sources import cache, records, tfds_catalog

_FORMAT = "array_record"
_REMEDY = "prepare it again"


class _Prepared(NamedTuple):
    """A prepared dataset."""

    folder: Path
    builder: tfds.core.DatasetBuilder
    features: Mapping[str, Any]
    image: str  # the name of the image feature
    label: str  # the name of the label feature
    splits: dict[str, str]  # TFDS's name of each split
    image_shape: tuple[int, ...]  # of the images that `load` returns


def info(config: Tfds) -> DatasetInfo:
    """Returns the description of a prepared dataset; reads no images.

    Raises:
        UserError: it is not prepared, or does not have one image and one class label per example.
    """
    prepared = _open(config)
    names = tuple(prepared.features[prepared.label].names)
    shape = prepared.image_shape
    return DatasetInfo(
        splits=tuple(prepared.splits),
        class_names=names,
        image_shape=shape,
        fit=resize.single(config.fit) if config.size else alphabets.fit(names, shape),
        remarks=tuple(_remarks(config, prepared)),
    )


def is_here(config: Tfds) -> bool:
    """Returns whether a dataset is prepared."""
    with contextlib.suppress(UserError):
        tfds_catalog.find(config)
        return True
    return False


def load(config: Tfds, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split's uint8 images `[n, h, w]` or `[n, h, w, 3]` and int32 labels `[n]`.

    They are in the order of the records; a memory-mapped cache serves every load after the first.

    Raises:
        UserError: the records are damaged, the images differ in size, or a label is missing.
    """
    prepared = _open(config)
    name = split
    if config.size or config.channels:
        name += f"-{'x'.join(map(str, prepared.image_shape))}-{config.fit}"
    with records.convert_errors(prepared.folder, _REMEDY):
        images, labels = cache.load_or_decode(
            prepared.folder / "arrays",
            name,
            records.paths(prepared.builder, prepared.splits[split]),
            lambda: _decode_split(config, prepared, split),
        )
    return orientation.upright(images, config.orientation), labels


def _decode_split(config: Tfds, prepared: _Prepared, split: str) -> tuple[np.ndarray, np.ndarray]:
    def decode(example: Mapping[str, Any]) -> tuple[np.ndarray, int]:
        image = _decode_image(example[prepared.image], config, prepared.image_shape)
        if image.shape != prepared.image_shape:
            raise UserError(
                f"{config.dataset}: expected images of {format_size(prepared.image_shape)}, found one of "
                f"{format_size(image.shape)}; set config.dataset.size"
            )
        return image, example[prepared.label]

    # Encoded: TFDS's own decoder fails on 16 bits and takes palettes for grey.
    encoded = {
        name: tfds.decode.SkipDecoding()
        for name, feature in prepared.features.items()
        if isinstance(feature, tfds.features.Image)
    }
    images, labels = records.load(
        prepared.builder, prepared.splits[split], prepared.image_shape, decode, encoded
    )
    missing = np.count_nonzero(labels < 0)
    if missing:
        raise UserError(
            f"{config.dataset}: expected a label for every example of {split}, found {missing:,} without "
            "one; if these are the test examples, set config.split.test_share to test on others"
        )
    return images, labels


def _decode_image(
    stored: bytes | NDArray[Any], config: Tfds, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Returns an encoded image, or an array, as uint8 `[h, w]` or `[h, w, 3]`."""
    if isinstance(stored, np.ndarray):
        picture = _from_array(stored)
    else:
        with Image.open(io.BytesIO(stored)) as file:
            file.load()
        picture = _from_array(np.asarray(file)) if file.mode.startswith("I") else file
    if picture.has_transparency_data:
        picture = Image.fromarray(images.on_paper(np.asarray(picture.convert("RGBA")), "white"))
    mode = "RGB" if len(shape) > 2 else "L"
    image = np.asarray(picture.convert(mode))
    if not config.size:
        return image
    return resize.fit(image, config.size, 3 if mode == "RGB" else 1, config.fit)


def _from_array(array: NDArray[Any]) -> Image.Image:
    if array.dtype != np.uint8:
        array = np.rint(array / 257).astype(np.uint8)
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def _open(config: Tfds) -> _Prepared:
    folder = tfds_catalog.find(config)
    with records.silence_tfds(), records.convert_errors(folder, _REMEDY):
        builder = tfds.builder_from_directory(folder)
        formats = {file_format.value for file_format in builder.info.available_file_formats()}
        if _FORMAT not in formats:
            raise UserError(
                f"{folder}: expected records in {_FORMAT} format, found {', '.join(sorted(formats))}; "
                "convert them, where tensorflow, apache-beam and mlcroissant are installed: tfds "
                f"convert_format --dataset_version_dir={folder} --out_file_format={_FORMAT} --num_workers=1"
            )
        file_format = builder.info.file_format
        if file_format is None or file_format.value != _FORMAT:
            # With `file_format`, TFDS 4.9.10 refuses to open a dataset that was converted.
            builder.info.set_file_format(_FORMAT, override=True, override_if_initialized=True)
        features = cast(Mapping[str, Any], builder.info.features)
        image, label = _image_and_label(config, builder.info.supervised_keys, features)
        splits = _splits(config, builder.info.splits)
    shape = _image_shape(config, features[image].shape)
    return _Prepared(folder, builder, features, image, label, splits, shape)


def _splits(config: Tfds, infos: Mapping[str, tfds.core.SplitInfo]) -> dict[str, str]:
    """Returns TFDS's name of each split that has examples; "train" must."""
    splits: dict[str, str] = {}
    for split, names in naming.SPLITS.items():
        usable = [name for name in names if name in infos and infos[name].num_examples]
        if usable:
            splits[split] = usable[0]
    if "train" not in splits:
        raise UserError(
            f"config.dataset.dataset: expected a split train in {config.dataset}, found "
            f"{', '.join(infos) or 'no splits'}; choose another dataset"
        )
    return splits


def _image_shape(config: Tfds, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    height, width, channels = (*shape, 1)[:3]
    coloured = config.channels == 3 if config.channels else channels not in (1, 2)
    size = config.size or tuple(pixels for pixels in (height, width) if pixels)
    if len(size) != 2:
        raise UserError(
            f"config.dataset.size: expected a height and a width, since the images of {config.dataset} do "
            f"not have one size, found {size}; set it, such as (64, 64)"
        )
    return (*size, 3) if coloured else size


def _image_and_label(
    config: Tfds, supervised_keys: object, features: Mapping[str, Any]
) -> tuple[str, str]:
    """Returns the names of the image feature and the label feature."""
    images = [name for name, feature in features.items() if _is_image(feature)]
    labels = [n for n, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    for image in images:
        for label in labels:
            if supervised_keys == (image, label):
                return image, label
    for kind, names in (("image of 8 or 16 bits", images), ("class label", labels)):
        if len(names) != 1:
            raise UserError(
                f"config.dataset.dataset: expected a dataset with one {kind} per example, found "
                f"{', '.join(names) or 'no such feature'} among the features of {config.dataset} "
                f"({', '.join(features)}); choose a dataset of image classification"
            )
    return images[0], labels[0]


def _is_image(feature: Any) -> bool:
    if type(feature) not in (tfds.features.Image, tfds.features.Tensor):
        return False
    shape: tuple[int | None, ...] = feature.shape
    has_image_shape = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2, 3, 4))
    return has_image_shape and feature.np_dtype in (np.uint8, np.uint16)


def _remarks(config: Tfds, prepared: _Prepared) -> Iterator[str]:
    unused = [name for name in prepared.builder.info.splits if name not in prepared.splits.values()]
    if unused:
        yield f"Of TFDS's splits, {', '.join(unused)} are not used."
    feature = prepared.features[prepared.image]
    if feature.np_dtype == np.uint16:
        yield "The images were scaled from 16 bits to 8."
    channels = (*feature.shape, 1)[2]
    if channels in (2, 4):
        yield "Transparent pixels were made white."
    if channels > 2 and len(prepared.image_shape) == 2:
        yield "The images were converted from colour to grey."
    if prepared.builder.info.name == "emnist":
        if config.orientation == UPRIGHT:
            yield "TFDS's EMNIST is transposed: set config.dataset.orientation=transposed to turn it upright."
        if prepared.folder.parent.name == "letters":
            yield (
                "TFDS's emnist/letters is incomplete: its test split lacks T to Z and half of S; Emnist() "
                "reads all of it, upright."
            )

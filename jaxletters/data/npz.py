"""NumPy archives of images and labels, as the course hands them out."""

import math
import zipfile
from pathlib import Path

import numpy as np

from jaxletters.data.builders import Spec
from jaxletters.errors import UserError, shown

# The names of a split's arrays begin so; a file of a single split has them without.
_PREFIXES = {"train": "train_", "validation": "validate_", "test": "test_"}
# As float64, EMNIST Letters takes 0.8 GB; what claims more in one array is damaged or hostile.
_MOST_BYTES = 2**30


def splits(path: Path) -> list[str]:
    """Returns which of "train", "validation" and "test" a file holds.

    Raises:
        UserError: it is no such file, or holds no training examples.
    """
    names = _names(path)
    if {"images", "labels"} <= set(names):
        return ["train"]
    found = [
        split
        for split, start in _PREFIXES.items()
        if {f"{start}images", f"{start}labels"} <= set(names)
    ]
    if "train" not in found:
        raise UserError(
            f"{path}: expected arrays train_images and train_labels (and validate_..., test_...), or "
            f"images and labels, found {', '.join(names) or 'none'}; rename them"
        )
    return found


def read(path: Path, spec: Spec, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 images `[n, h, w]` and int32 labels `[n]` of one of the file's splits.

    Images are rows of pixels or already of two dimensions; their values 0 to 255, or 0 to 1. Labels are
    numbers, or one-hot with a column per class.

    Raises:
        UserError: the arrays are not those of the dataset.
    """
    prefix = "" if "images" in _names(path) else _PREFIXES[split]
    with _open(path) as file:
        images, labels = (_array(file, path, f"{prefix}{name}") for name in ("images", "labels"))
    return (
        _pixels(images, f"{path}: {prefix}images", spec),
        _classes(labels, f"{path}: {prefix}labels", spec, len(images)),
    )


def _open(path: Path) -> np.lib.npyio.NpzFile:
    try:
        # `np.load` leaves a file open that only begins like one.
        if not zipfile.is_zipfile(path):
            reason = "other content" if path.exists() else "no such file"
            raise UserError(f"{path}: expected a NumPy .npz file, found {reason}; check the path")
        with zipfile.ZipFile(path) as archive:
            largest = max((info.file_size for info in archive.infolist()), default=0)
        if largest > _MOST_BYTES:
            raise UserError(
                f"{path}: expected arrays of at most {_MOST_BYTES:,} bytes, found one of {largest:,}; is "
                "this another dataset's file?"
            )
        return np.load(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: expected a NumPy .npz file, found damage ({reason}); fetch it again"
        ) from error


def _array(file: np.lib.npyio.NpzFile, path: Path, name: str) -> np.ndarray:
    try:
        array = file[name]
    # What NumPy raises on a damaged member is nearly anything.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: {name} cannot be read ({reason}); fetch it again") from error
    # A member that is no array comes back as its bytes.
    if not isinstance(array, np.ndarray):
        raise UserError(
            f"{path}: expected {name} to be an array, found other content; fetch it again"
        )
    return array


def _names(path: Path) -> list[str]:
    with _open(path) as file:
        return list(file.files)


def _pixels(images: np.ndarray, name: str, spec: Spec) -> np.ndarray:
    height, width = spec.image_shape
    flat, square = (height * width,), (height, width)
    number = images.dtype.kind in "buif"
    if not number or images.shape[1:] not in (flat, square, (*square, 1)) or not images.size:
        raise UserError(
            f"{name}: expected [n, {flat[0]}] or [n, {height}, {width}] numbers, found "
            f"{images.dtype} {list(images.shape)}; is this another dataset's file?"
        )
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 255 or math.isnan(low + high):
        raise UserError(f"{name}: expected values 0 to 255 or 0 to 1, found {low:g} to {high:g}")
    scaled = np.rint(images * np.float32(255)) if high <= 1 else np.rint(images)
    return np.ascontiguousarray(scaled.reshape(-1, height, width).astype(np.uint8))


def _classes(labels: np.ndarray, name: str, spec: Spec, count: int) -> np.ndarray:
    columns = len(spec.class_names)
    one_hot = labels.shape == (count, columns)
    if labels.shape not in ((count,), (count, 1)) and not one_hot:
        raise UserError(
            f"{name}: expected [{count}] or [{count}, {columns}], one label per image, found "
            f"{list(labels.shape)}; is this another dataset's file?"
        )
    if labels.dtype.kind not in "buif":
        first = shown(f"{labels.reshape(-1)[:1].tolist()[0]!r:.40}")
        raise UserError(
            f"{name}: expected numbers, {spec.labels.start} to {spec.labels.stop - 1} or one-hot, found "
            f"{labels.dtype} ({first}, ...); write them as numbers"
        )
    if one_hot and not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
        raise UserError(f"{name}: expected a single 1 in each row, found others; mend the file")
    numbers = labels.argmax(axis=1) if one_hot else labels.reshape(-1)
    if not np.isin(numbers, spec.labels).all():
        raise UserError(
            f"{name}: expected labels {spec.labels.start} to {spec.labels.stop - 1}, found "
            f"{numbers.min()} to {numbers.max()}; is this another dataset's file?"
        )
    return numbers.astype(np.int32)

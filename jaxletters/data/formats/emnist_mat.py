"""The MATLAB files of EMNIST: a structure with the splits and the mapping of labels to characters."""

import numpy as np

from jaxletters.data.formats import alphabets, mat
from jaxletters.data.formats.contents import Contents, NamedArray, OpenFile


def read(file: OpenFile) -> Contents:
    """Returns the splits and the class names of a file.

    Raises:
        ValueError: the file has no such structure; see also `mat.read`.
    """
    dataset = mat.read(file.stream.read(), file.name, "dataset", file.max_bytes)
    if not isinstance(dataset, dict):
        raise ValueError("a variable `dataset` that is no structure")
    splits: dict[str, tuple[NamedArray, NamedArray]] = {}
    for split in ("train", "test"):
        images, labels = (
            NamedArray(f"{file.name}: {split}.{name}", _numbers(dataset, split, name))
            for name in ("images", "labels")
        )
        splits[split] = (images, labels)
    rows = _numbers(dataset, "mapping").astype(np.int64).tolist()
    return Contents(splits, alphabets.of_mapping(rows))


def _numbers(dataset: dict[str, mat.Value], *names: str) -> np.ndarray:
    value: mat.Value = dataset
    for name in names:
        value = value[name] if isinstance(value, dict) and name in value else {}
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype == object:
        raise ValueError(f"no matrix dataset.{'.'.join(names)}")
    return value

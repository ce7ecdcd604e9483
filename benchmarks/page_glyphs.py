"""Letters to write with: those of a dataset which no network learned, enlarged to the strokes of a pen."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from jaxletters.config import configfile
from jaxletters.config.schema import Config
from jaxletters.config.slots import Source
from jaxletters.core.types import Dataset
from jaxletters.data import datasets, selection


class Pool(NamedTuple):
    """Letters to write with.

    Attributes:
        letters: a name, upper case, and its images: uint8 `[n, h, w]`, bright ink on 0.
        height: the usual length of a letter's longer side in pixels.
    """

    letters: dict[str, np.ndarray]
    height: float


def held_out(file: Path) -> Pool:
    """Returns the validation letters of a config, which its network does not learn from."""
    config = configfile.load(file)
    assert isinstance(config, Config)
    splits = datasets.DatasetSplits(config.dataset)
    validation = selection.train_and_validation(splits, config.split, config.seed)[1]
    return of(splits.take(validation))


def whole(source: Source) -> Pool:
    """Returns the training split of a dataset that no network of the benchmark learns from."""
    return of(datasets.load(source, "train"))


def of(dataset: Dataset) -> Pool:
    """Returns the letters A to Z of a dataset with grey images."""
    chosen = {
        name.upper(): dataset.images[dataset.labels == label]
        for label, name in enumerate(dataset.class_names)
        if len(name) == 1 and name.isalpha()
    }
    letters = {name: images for name, images in chosen.items() if len(images)}
    some = np.concatenate([images[:50] for images in letters.values()])
    sides = [max(np.ptp(np.nonzero(image > _INK), 1) + 1) for image in some]
    return Pool(letters, float(np.median(sides)))


_INK = 64  # a pixel with more is ink


def glyph(image: np.ndarray, scale: float, slant: float, turn: float, weight: float) -> np.ndarray:
    """Returns an enlarged letter, cropped to its ink: float32 `[h, w]` in [0, 1].

    Cubic interpolation keeps the strokes smooth, and a steep ramp about the level `weight` gives them the
    edge of a pen's stroke.

    Args:
        image: uint8 `[h, w]`.
        scale: pixels of the result for each pixel of the image.
        slant: the horizontal shift of a point for each unit of its height.
        turn: the rotation in radians.
        weight: the level of ink in [0, 1] at which a stroke ends.
    """
    cos, sin = np.cos(turn), np.sin(turn)
    # From (y, x) of the result to that of the image.
    inverse = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, 0], [slant, 1]]) / scale
    side = int(np.ceil(1.6 * scale * max(image.shape)))
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - inverse @ np.full(2, (side - 1) / 2)
    smooth = ndimage.gaussian_filter(image / np.float32(255), 0.4)
    # Thin strokes are pale in small images. Each is as dark as the ink around it here.
    darkest = ndimage.gaussian_filter(ndimage.maximum_filter(smooth, 5), 1)
    smooth /= np.maximum(darkest, 0.3)
    large = ndimage.affine_transform(smooth, inverse, offset, (side, side), order=3)
    ink = np.clip((large - weight) * scale * 1.5 + 0.5, 0, 1)
    rows, columns = (np.flatnonzero((ink > 0.2).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

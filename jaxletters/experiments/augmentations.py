"""Checks of a run's augmentations against its dataset, and the label that they give to non-letters."""

from jaxletters.config.augmentation import AugmentConfig, EntryStrokes, NonLetters, Sometimes
from jaxletters.config.schema import Config
from jaxletters.config.slots import Augmentation, DatasetInfo
from jaxletters.core.errors import UserError
from jaxletters.data.formats import alphabets


def non_letter(config: Config) -> int | None:
    """Returns the label of images that show no class, None if no augmentation makes any."""
    labels = [part.non_letter for part in _augmentations(config)]
    return next((label for label in labels if label is not None), None)


def _augmentations(config: Config) -> tuple[Augmentation, ...]:
    return config.augment if isinstance(config.augment, tuple) else (config.augment,)


def check(config: Config, info: DatasetInfo) -> None:
    """Raises a UserError if an augmentation is for other images or classes than those of the dataset."""
    for part in _augmentations(config):
        first = part.first_letter if isinstance(part, NonLetters) else 1
        has_letters = info.class_names[first : first + 26] == alphabets.CAPITALS
        is_for_letters = isinstance(part, NonLetters | EntryStrokes)
        if is_for_letters and not (has_letters and info.class_names[0] == alphabets.UNUSED):
            raise UserError(
                f"config.augment: {type(part).__name__} expects class 0 to be {alphabets.UNUSED} and classes "
                f"{first} to {first + 25} to be A to Z, found {len(info.class_names)} others; remove it"
            )
        if isinstance(part, Sometimes):
            part = part.part
        if isinstance(part, AugmentConfig) and len(info.image_shape) > 2:
            for name in ("stroke", "low_resolution"):
                if value := getattr(part, name):
                    raise UserError(
                        f"config.augment.{name}: expected 0 for images in colour, found {value}; it is for "
                        "ink on paper"
                    )

"""The names of splits and of classes, as users write them in folders and files."""

import re
from decimal import Decimal

# The spellings of the splits, those in the datasets of TFDS, Keras and others.
SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "validate", "valid", "val"),
    "test": ("test", "testing"),
}


def natural_key(name: str) -> list[str | Decimal]:
    """Returns a sort key: by code points, but numbers in the name count by value."""
    parts = re.split(r"(\d+)", name)
    # Unlike int, Decimal takes any number of digits.
    return [Decimal(part) if i % 2 else part for i, part in enumerate(parts)]

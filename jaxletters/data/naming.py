"""The names of splits and of classes, as users write them in folders and files."""

import itertools
import re
from collections.abc import Sequence
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


def folders(class_names: Sequence[str]) -> dict[str, str]:
    """Returns the name of a folder for each class, all different on disks that ignore case.

    The second of two names that differ only in case gets a number: "A" and "a" become "A" and "a_2".
    """
    result: dict[str, str] = {}
    taken: set[str] = set()
    later = {name.casefold() for name in class_names}
    for name in class_names:
        numbered = (f"{name}_{number}" for number in itertools.count(2))
        result[name] = (
            next(n for n in numbered if n.casefold() not in later | taken)
            if name.casefold() in taken
            else name
        )
        taken.add(result[name].casefold())
    return result

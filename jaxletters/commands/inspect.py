"""Draw a dataset's images beside their labels, and count its classes."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxletters import commandline, console, overrides, settings
from jaxletters import config as schema
from jaxletters.config import Config, DatasetConfig
from jaxletters.errors import UserError

HELP = "draw a dataset's images beside their labels, and count its classes"
_SKETCHES = 10_400
# What says which images there are; everything else is about how a run uses them.
_SETTINGS = tuple(f"dataset.{name}" for name in ("archives", "data_dir", "npz", "size", "resize"))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.epilog = (
        "Settings of the dataset as for launch.py, such as --config.dataset.npz=letters.npz: "
        + ", ".join(_SETTINGS)
    )
    parser.add_argument(
        "name", choices=schema.DATASETS, help="a dataset: %(choices)s", metavar="NAME"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=commandline.path, help="the PNG to write (./<NAME>.png)"
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Writes the contact sheet of a dataset's training images, and prints how many of each class there are.

    Raises:
        UserError: settings that cannot be, data that are not there, a file that cannot be written.
    """
    size = _SKETCHES if known.name == "sketch_letters" else 0
    plain = Config(dataset=DatasetConfig(known.name, size=size))
    config = overrides.apply(plain, words)
    _check_settings(plain, config)
    import numpy as np

    from jaxletters import data, files, manifest, validation
    from jaxletters.report import drawing, mosaics

    validation.check(config, device_count=1)
    source = data.Splits(config.dataset)
    splits = {name: source.take(source.whole(name)) for name in source.names}
    note = manifest.describe_data(source, source.names)["note"]
    title = f"{known.name} ({note})" if note else known.name
    path = (known.output or Path(f"{known.name}.png")).absolute()
    with drawing.style():
        files.write_bytes(path, drawing.png(mosaics.contact_sheet(splits["train"]), title))
    counts = {
        name: np.bincount(split.labels, minlength=len(split.class_names))
        for name, split in splits.items()
    }
    rows = [
        (name, str(label), *(f"{count[label]:,}" for count in counts.values()))
        for label, name in enumerate(splits["train"].class_names)
        if any(count[label] for count in counts.values())
    ]
    total = ("all", "", *(f"{count.sum():,}" for count in counts.values()))
    console.table(("class", "label", *splits), [*rows, total], left=1)
    height, width = data.image_shape(config.dataset)
    console.result_table(
        {
            "dataset": title,
            "images": f"{height}x{width}",
            "contact sheet": f"{path} (upright, and in each row its class?)",
        }
    )


def _check_settings(plain: Config, config: Config) -> None:
    """Raises a UserError if a setting was changed that does not change which images there are."""
    given = zip(settings.leaves(plain), settings.leaves(config), strict=True)
    for before, now in given:
        if now.value != before.value and now.key not in _SETTINGS:
            raise UserError(
                f"config.{now.key}: expected one of {', '.join(_SETTINGS)}, because all images of "
                f"{plain.dataset.name} are shown, found {now.value!r}; leave it out"
            )

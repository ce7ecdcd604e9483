"""Draw the images of a dataset beside their labels, count its classes, and report what looks wrong."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from jaxletters.config import builtin_sources, configfile, overrides
from jaxletters.config.schema import Config, StudyConfig
from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxletters.core.types import Dataset

HELP = "draw a dataset's images beside their labels, count its classes, and report what looks wrong"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.epilog = (
        "Settings of the dataset are as for launch.py: --config.dataset.orientation=transposed ..."
    )
    parser.add_argument(
        "dataset",
        help="a config file, a folder of pictures, a file of arrays (.npz, .csv, .mat ...), or one of "
        + ", ".join(builtin_sources.BUILTIN),
        metavar="CONFIG",
    )
    parser.add_argument(
        "--output", metavar="FILE", type=files.expand_user, help="the PNG to write (./<NAME>.png)"
    )


def run(args: argparse.Namespace) -> None:
    """Writes the contact sheet of the training images; prints the number of images of each class.

    Raises:
        UserError: a setting is invalid, data is missing, or a file cannot be written.
    """
    config = overrides.apply(_config(args.dataset), args.overrides)
    source = config.dataset
    from jaxletters.config import validation
    from jaxletters.data import datasets
    from jaxletters.report import image_grids, style
    from jaxletters.runs import data_description

    validation.check(config, device_count=1)
    dataset = datasets.DatasetSplits(source)
    note = data_description.describe(dataset, dataset.names)["note"]
    splits = {name: dataset.take(dataset.whole(name)) for name in dataset.names}
    title = f"{source.name} ({note})" if note else source.name
    path = (args.output or Path(f"{source.name.replace('/', '_')}.png")).absolute()
    with style.style():
        files.write_bytes(path, style.png(image_grids.contact_sheet(splits["train"]), title))
    console.print_table(("class", "label", *splits), _class_counts(splits), left=1)
    console.print_results(
        {
            "dataset": title,
            "images": "x".join(map(str, dataset.info.image_shape)),
            "contact sheet": f"{path} (upright, and in each row its class?)",
        }
    )
    for line in dataset.check(dataset.names):
        console.notice(f"Look: {line}")


def _class_counts(splits: "Mapping[str, Dataset]") -> list[tuple[str, ...]]:
    """Returns a row for each class that has examples, and their totals."""
    import numpy as np

    class_names = splits["train"].class_names
    counts = [np.bincount(split.labels, minlength=len(class_names)) for split in splits.values()]
    rows = [
        (name, str(label), *(f"{count[label]:,}" for count in counts))
        for label, name in enumerate(class_names)
        if any(count[label] for count in counts)
    ]
    return [*rows, ("all", "", *(f"{count.sum():,}" for count in counts))]


def _config(name: str) -> Config:
    """Returns a config with the dataset of a config file, or the dataset of that name.

    Raises:
        UserError: the file or the dataset does not exist.
    """
    if not name.endswith(".py"):
        return Config(dataset=overrides.parse_dataset(name))
    experiment = configfile.load(Path(name))
    if isinstance(experiment, StudyConfig):
        raise UserError(
            f"{name}: expected the config of an experiment, found a study; name one in it"
        )
    return Config(dataset=experiment.dataset)

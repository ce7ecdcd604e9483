"""Draw a dataset's images beside their labels, count its classes, and say what looks wrong."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxletters.cli import command_line
from jaxletters.config import builtin_sources, configfile, overrides
from jaxletters.config.schema import Config, StudyConfig
from jaxletters.core.errors import UserError
from jaxletters.runtime import console, files

HELP = "draw a dataset's images beside their labels, count its classes, and say what looks wrong"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
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
        "--output", metavar="FILE", type=command_line.path, help="the PNG to write (./<NAME>.png)"
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Writes the contact sheet of a dataset's training images, and prints how many of each class there are.

    Raises:
        UserError: settings that cannot be, data that are not there, a file that cannot be written.
    """
    config = overrides.apply(_config(known.dataset), words)
    source = config.dataset
    import numpy as np

    from jaxletters.config import validation
    from jaxletters.data import datasets
    from jaxletters.report import image_grids, style
    from jaxletters.runs import manifest

    validation.check(config, device_count=1)
    opened = datasets.DatasetSplits(source)
    about = manifest.describe_data(opened, opened.names)
    splits = {name: opened.take(opened.whole(name)) for name in opened.names}
    title = f"{source.name} ({about['note']})" if about["note"] else source.name
    path = (known.output or Path(f"{source.name.replace('/', '_')}.png")).absolute()
    with style.style():
        files.write_bytes(path, style.png(image_grids.contact_sheet(splits["train"]), title))
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
    console.print_table(("class", "label", *splits), [*rows, total], left=1)
    console.print_results(
        {
            "dataset": title,
            "images": "x".join(map(str, opened.info.image_shape)),
            "contact sheet": f"{path} (upright, and in each row its class?)",
        }
    )
    for line in opened.check(opened.names):
        console.notice(f"Look: {line}")


def _config(given: str) -> Config:
    """Returns a config whose dataset is the one that is named.

    Raises:
        UserError: there is no such thing.
    """
    if given.endswith(".py"):
        experiment = configfile.load(Path(given))
        if isinstance(experiment, StudyConfig):
            raise UserError(
                f"{given}: expected the config of an experiment, found a study; name one in it"
            )
        return Config(dataset=experiment.dataset)
    return Config(dataset=overrides.parse_dataset(given))

"""The command `jaxletters`: what is done without training."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxletters import commandline, console, overrides
from jaxletters import config as schema
from jaxletters.config import Config, DatasetConfig

_SKETCHES = 10_400


def main() -> int:
    """Runs the command line and returns the exit code, as `launch.py` does."""
    return commandline.exit_code(lambda: _run(sys.argv[1:]))


def _run(argv: Sequence[str]) -> None:
    parser = commandline.Parser(prog="jaxletters", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    inspect = commands.add_parser(
        "inspect",
        help="draw a dataset's images beside their labels, and count its classes",
        epilog="Settings of the dataset as for launch.py: --config.dataset.npz=letters.npz",
        allow_abbrev=False,
    )
    inspect.add_argument(
        "name", choices=schema.DATASETS, help="a dataset: %(choices)s", metavar="NAME"
    )
    inspect.add_argument(
        "--output", metavar="FILE", type=Path, help="the PNG to write (./<NAME>.png)"
    )
    known, words = parser.parse_known_args(argv)
    _inspect(known, words)


def _inspect(known: argparse.Namespace, words: Sequence[str]) -> None:
    size = _SKETCHES if known.name == "sketch_letters" else 0
    config = overrides.apply(Config(dataset=DatasetConfig(known.name, size=size)), words)
    # Here, because a mistyped flag should not cost the time that these take.
    from jaxletters import data, files, validation
    from jaxletters.data import portions
    from jaxletters.report import drawing, mosaics

    validation.check(config, device_count=1)
    splits = {name: data.load(config.dataset, name) for name in data.split_names(config.dataset)}
    note = portions.note(config.dataset)
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
            "contact sheet": f"{path} (an A must stand beside A, upright)",
        }
    )


if __name__ == "__main__":
    sys.exit(main())

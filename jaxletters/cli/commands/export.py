"""Write the network of a finished run for use elsewhere: StableHLO, ONNX, safetensors and a card."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxletters.cli import command_line
from jaxletters.core.errors import format_size
from jaxletters.runtime import console

if TYPE_CHECKING:
    from jaxletters.reading.bundle_card import File

HELP = "write a finished run's network for use elsewhere"
_NOT_CHECKED = {
    "model.onnx": "not checked: onnxruntime is not installed",
    "weights.safetensors": "not checked: needs the network's own code",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "run", type=command_line.path, metavar="RUN", help="the folder of a finished run"
    )
    parser.add_argument(
        "--to",
        type=command_line.path,
        required=True,
        metavar="FOLDER",
        help="where it is written; a bundle that is there is replaced",
    )


def run(known: argparse.Namespace, words: Sequence[str]) -> None:
    """Writes the bundle, and prints what is in it and how close each form is to the network.

    Raises:
        UserError: there is no finished run, the folder holds something else, a package is missing, or a
            form does not compute what the network does.
    """
    command_line.nothing_more(words)
    from jaxletters.export import writer
    from jaxletters.runs import restore
    from jaxletters.runtime import xla

    xla.use_cpu_only()
    # Through links, because a folder takes the place of what is there.
    target = known.to.resolve()
    writer.check(target)
    card = writer.write(restore.load(known.run), target)
    console.print_table(
        ("file", "bytes", "largest difference", "same class"),
        [
            *((name, *_cells(name, about)) for name, about in card["files"].items()),
            *((name, "none", why, "") for name, why in card["left_out"].items()),
        ],
        left=1,
    )
    low, high = card["test_accuracy_interval"]
    logits = max(
        about["check"]["largest_logit"] for about in card["files"].values() if about["check"]
    )
    console.print_results(
        {
            "network": f"{card['name']}, {card['parameters']:,} parameters",
            "dataset": console.dataset_title(card),
            "test accuracy": f"{card['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})",
            "largest logit": f"{logits:.4g}",
            "images": f"uint8, {format_size(card['images']['shape'])}, upright",
            "bundle": str(target),
            "to use it": f"jaxletters predict {target} image.png",
        }
    )


def _cells(name: str, about: "File") -> tuple[str, str, str]:
    size, check = f"{about['bytes']:,}", about["check"]
    if check is None:
        return size, _NOT_CHECKED[name], ""
    same = f"{check['same_class']:,} of {check['images']:,}"
    return size, f"{check['largest_difference']:.1e}", same

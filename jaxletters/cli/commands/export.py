"""Write the network of a finished run for use elsewhere: StableHLO, ONNX, safetensors and a card."""

import argparse
from typing import TYPE_CHECKING

from jaxletters.core.errors import format_size
from jaxletters.runtime import console, files

if TYPE_CHECKING:
    from jaxletters.reading.bundle_card import File

HELP = "write a finished run's network for use elsewhere"
_NOT_CHECKED = {
    "model.onnx": "not checked: onnxruntime is not installed",
    "weights.safetensors": "not checked: needs the network's own code",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run", type=files.expand_user, metavar="RUN", help="the folder of a finished run"
    )
    parser.add_argument(
        "--to",
        type=files.expand_user,
        required=True,
        metavar="FOLDER",
        help="where the bundle is written; an earlier bundle is replaced",
    )
    parser.add_argument(
        "--compact",
        action="store_true",
        help="write the weights alone, in half precision: small, for jaxletters only",
    )


def run(args: argparse.Namespace) -> None:
    """Writes the bundle; prints its files and how closely each agrees with the network.

    Raises:
        UserError: the run is not finished, the folder holds other files, a package is missing, or a file
            does not compute what the network does.
    """
    from jaxletters.export import writer
    from jaxletters.runs import restore
    from jaxletters.runtime import xla

    xla.use_cpu_only()
    # Resolves links, because the bundle replaces the folder.
    target = args.to.resolve()
    writer.check(target)
    card = writer.write(restore.load_any(args.run), target, args.compact)
    console.print_table(
        ("file", "bytes", "largest difference", "same class"),
        [
            *((name, *_cells(name, file)) for name, file in card["files"].items()),
            *((name, "none", reason, "") for name, reason in card["left_out"].items()),
        ],
        left=1,
    )
    low, high = card["test_accuracy_interval"]
    checks = [file["check"] for file in card["files"].values()]
    largest_logit = max(check["largest_logit"] for check in checks if check)
    console.print_results(
        {
            "network": f"{card['name']}, {card['parameters']:,} parameters",
            "dataset": console.dataset_title(card),
            "test accuracy": f"{card['test_accuracy']:.2%} (95% interval {low:.2%} to {high:.2%})",
            "largest logit": f"{largest_logit:.4g}",
            "images": f"uint8, {format_size(card['images']['shape'])}, upright",
            "bundle": str(target),
            "to use it": f"jaxletters predict {target} image.png",
        }
    )


def _cells(name: str, file: "File") -> tuple[str, str, str]:
    size, check = f"{file['bytes']:,}", file["check"]
    if check is None:
        return size, _NOT_CHECKED[name], ""
    same_class = f"{check['same_class']:,} of {check['images']:,}"
    return size, f"{check['largest_difference']:.1e}", same_class

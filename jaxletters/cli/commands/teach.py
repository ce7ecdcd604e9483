"""Teach the reader your hand: fine-tune it on a folder of your letters, see `jaxletters sheet`."""

import argparse
from pathlib import Path

from jaxletters.runtime import console, files

HELP = "fine-tune the reader on a folder of letters of your hand"
_FOLDER = Path("checkpoints", "my_hand")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run",
        nargs="?",
        type=files.expand_user,
        metavar="RUN",
        help="the finished run or the exported bundle to start from (the reader of jaxletters)",
    )
    parser.add_argument(
        "--from",
        type=files.expand_user,
        required=True,
        dest="letters",
        metavar="FOLDER",
        help="a folder of pictures for each class, such as `jaxletters sheet --read` writes",
    )
    parser.add_argument(
        "--to",
        type=files.expand_user,
        default=_FOLDER,
        metavar="FOLDER",
        help=f"the run folder to write; an earlier hand there is replaced ({_FOLDER})",
    )


def run(args: argparse.Namespace) -> None:
    """Teaches the reader; prints its accuracy on letters that it did not learn, before and after.

    Raises:
        UserError: the reader or the letters cannot be read, or the folder holds something else.
    """
    from jaxletters.runtime import xla

    xla.configure()
    from jaxletters.reading import loader, teaching

    taught = teaching.teach(args.run or loader.PRETRAINED, args.letters, args.to)
    others = (
        f"some of {taught.learned}"
        if taught.learned
        else f"no others, so it may read other hands worse: {taught.not_learned}"
    )
    sets = (
        f"from validation examples of {taught.learned}"
        if taught.calibrated
        else "none, so there are no conformal sets (--coverage)"
    )
    console.print_results(
        {
            "learned": f"{taught.letters:,} letters of this hand, mixed with {others}",
            "held out": f"{taught.held_out:,} letters of this hand",
            "accuracy before": f"{taught.before:.2%}",
            "accuracy after": f"{taught.after:.2%}",
            "calibration": sets,
            "time": console.format_duration(taught.seconds),
            "run": str(taught.folder),
            "to use it": f"jaxletters predict {taught.folder} image.png",
        }
    )

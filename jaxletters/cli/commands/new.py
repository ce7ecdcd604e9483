"""Write a config file to start from, with a network and a folder of pictures of your own."""

import argparse
import shlex
from pathlib import Path

from jaxletters.core.errors import UserError, printable
from jaxletters.runtime import console, files

HELP = "write a config file with a network and a folder of pictures of your own"
_TEMPLATE = Path(__file__).parent / "templates" / "config.py"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument("name", metavar="NAME", help="the file to write is NAME.py")
    parser.add_argument(
        "--images", metavar="FOLDER", help="a folder of pictures for each class (./NAME)"
    )


def run(args: argparse.Namespace) -> None:
    """Writes the file and prints the next steps.

    Raises:
        UserError: the file exists, or cannot be written.
    """
    name = args.name.removesuffix(".py")
    path, images = Path(f"{name}.py"), args.images or name
    if not path.stem.strip(".") or not name.isprintable():
        raise UserError(
            f"{printable(args.name)!r}: expected the name of a file; choose another name"
        )
    if path.exists():
        raise UserError(f"{path}: expected a new file, found one; choose another name")
    text = _TEMPLATE.read_text(encoding="utf-8")
    text = text.replace("NAME.py", path.as_posix().replace("\\", "/"))
    files.write_bytes(path.absolute(), text.replace('"IMAGES"', repr(images)).encode())
    steps = {
        "config": str(path),
        "look at": f"jaxletters inspect {shlex.quote(str(path))}",
        "train": f"python launch.py --config {shlex.quote(str(path))}",
    }
    if not files.expand_user(images).is_dir():
        steps = {"first": f"put pictures into {images}/<class>/, a folder for each class"} | steps
    console.print_results(steps)

"""Draw letters in the browser, or drop pictures there, and let a network read them.

Without a run, the network that comes with jaxletters reads them.
"""

import argparse
import contextlib
from pathlib import Path

from jaxletters.core.errors import UserError, format_size
from jaxletters.runtime import console, files

HELP = "draw letters in the browser and let a network read them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run",
        nargs="?",
        type=files.expand_user,
        metavar="RUN",
        help="a finished run folder, or an exported bundle (the network that comes with jaxletters)",
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="where the page is served (%(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address it is served on (%(default)s: for this machine alone)",
    )
    parser.add_argument(
        "--corrections",
        type=files.expand_user,
        metavar="FOLDER",
        help="keep letters that are corrected on the page there, for `jaxletters teach --from FOLDER`",
    )


def run(args: argparse.Namespace) -> None:
    """Serves the page until Ctrl-C.

    Raises:
        UserError: the network does not read handwriting, the port is unavailable, or the folder cannot be
            made.
    """
    if args.corrections is not None:
        _make(args.corrections)
    from jaxletters.runtime import xla

    # Before the other imports, which may start threads.
    xla.configure()
    import numpy as np

    from jaxletters.demo import server, serving
    from jaxletters.reading import letter_image, loader, recognition

    # First, because a port that is in use should be reported before the network is loaded.
    with serving.listen(args.host, args.port) as listening:
        classifier = loader.load(args.run) if args.run else loader.pretrained()
        side = letter_image.SIDE
        if not recognition.is_handwriting(classifier) or classifier.image_shape != (side, side):
            raise UserError(
                f"{classifier.name}: expected a network that reads handwriting of {side}x{side} pixels, "
                f"found one for pictures of {format_size(classifier.image_shape)}; read pictures with "
                "jaxletters predict"
            )
        # Compiles the network, so that the first stroke is answered at once.
        classifier.predict(np.zeros(classifier.image_shape, np.uint8))
        console.notice(f"{serving.url(listening)} reads with {classifier.name}; Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            app = server.build(classifier, args.host, args.run, args.corrections)
            serving.server(app).run(sockets=[listening])


def _make(folder: Path) -> None:
    """Makes the folder before letters are drawn that it should keep."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.write_error(folder / "letter.png", error) from error


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text!r}")
    return int(text)

"""Draw letters in the browser and let the network of a finished run read them."""

import argparse
import contextlib

from jaxletters.core.errors import UserError, format_size
from jaxletters.runtime import console, files

HELP = "draw letters in the browser and let a run's network read them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    parser.add_argument(
        "run",
        type=files.expand_user,
        metavar="RUN",
        help="a finished run folder, or an exported bundle",
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="where the page is served (%(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address it is served on (%(default)s: for this machine alone)",
    )


def run(args: argparse.Namespace) -> None:
    """Serves the page until Ctrl-C.

    Raises:
        UserError: the network does not read handwriting, or the port is unavailable.
    """
    from jaxletters.runtime import xla

    # Before the other imports, which may start threads.
    xla.configure()
    import numpy as np

    from jaxletters.demo import server, serving
    from jaxletters.reading import letter_image, loader, recognition

    # First, because a port that is in use should be reported before the network is loaded.
    with serving.listen(args.host, args.port) as listening:
        classifier = loader.load(args.run)
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
            serving.server(server.build(classifier, args.host)).run(sockets=[listening])


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text!r}")
    return int(text)

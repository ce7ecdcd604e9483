"""The socket that the page is served on, and the server."""

import errno
import socket

import uvicorn
from starlette.applications import Starlette

from jaxletters.core.errors import UserError

# Ctrl-C waits for a picture that is being read, not for one that never comes.
_LEAVE_SECONDS = 2


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens; who connects waits until the server answers.

    Args:
        host: a name or an address of this machine.
        port: 0 is one that is free.

    Raises:
        UserError: it cannot be had.
    """
    if not host:
        # Which a socket would take for every address of the machine.
        raise UserError(
            "--host: expected a name or an address of this machine, found none; leave it out"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a name"
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise UserError(
                f"--port {port}: expected a port that is free on {host}, found none ({why}); choose another, "
                "or 0 for any"
            ) from error
        raise UserError(
            f"--host {host}: expected a name or an address of this machine, found none ({why}); choose "
            "another, such as 127.0.0.1"
        ) from error
    # asyncio does so for sockets that say that they are TCP, which these do not. Without it the second part
    # of an answer waits until the browser acknowledges the first, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url(listening: socket.socket) -> str:
    """Returns the address of the page."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Starlette) -> uvicorn.Server:
    """Returns what answers on a socket, once its `run(sockets=[...])` is called."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LEAVE_SECONDS,
        )
    )

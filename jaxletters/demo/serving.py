"""The socket of the page and the server behind it."""

import errno
import socket

import uvicorn
from starlette.applications import Starlette

from jaxletters.core.errors import UserError

# After Ctrl-C, a picture that is being read gets this time; one that never arrives does not block.
_SHUTDOWN_SECONDS = 2


def listen(host: str, port: int) -> socket.socket:
    """Returns a listening socket; connections wait until the server starts.

    Args:
        host: a name or an address of this machine.
        port: 0 for any free port.

    Raises:
        UserError: the host or the port is unavailable.
    """
    if not host:
        # A socket would listen on every address of the machine.
        raise UserError(
            "--host: expected a name or an address of this machine, found ''; leave it out"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a name"
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise UserError(
                f"--port {port}: expected a port that is free on {host}, found: {reason}; choose "
                "another, or 0 for any"
            ) from error
        raise UserError(
            f"--host {host}: expected a name or an address of this machine, found: {reason}; choose "
            "another, such as 127.0.0.1"
        ) from error
    # asyncio sets this only for sockets with the protocol number of TCP, which `create_server` does not set.
    # Without it the second part of an answer waits 40 ms for the acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url(listening: socket.socket) -> str:
    """Returns the address of the page."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Starlette) -> uvicorn.Server:
    """Returns the server of an application; `run(sockets=[...])` starts it."""
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
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )

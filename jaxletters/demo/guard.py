"""Access control: answers the page itself and local programs, refuses the pages of other sites."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"\[(?P<six>[^\[\]]*)\](:\d*)?|(?P<name>[^:\[\]]*)(:\d*)?")


class Guard:
    """Middleware that refuses requests for other hosts or from other origins.

    A page of another site can make a browser send requests here: across origins, or for a host name of that
    site that resolves to this machine (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = {"localhost", host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forwards a request to the application, or refuses it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        app = self._app
        if not self._is_allowed(host):
            app = refusal(400, f"expected one of {sorted(self._names)} or an address as the host")
        elif origin is not None and _host(origin) != host.lower():
            app = refusal(403, "expected a request of this server's own page, found another's")
        await app(scope, receive, send)

    def _is_allowed(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        name = (match["six"] or match["name"] or "").lower() if match else ""
        # DNS rebinding needs a name; an address always means itself.
        return name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def refusal(status: int, line: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Returns an error response with a line for the user."""
    return JSONResponse({"error": line}, status, headers)

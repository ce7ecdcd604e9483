"""The application: the page on which letters are drawn, and the route that reads them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from jaxletters.core.errors import UserError, printable
from jaxletters.data import images
from jaxletters.demo import answers
from jaxletters.demo.guard import Guard, refusal
from jaxletters.reading.classifier import Classifier

_PACKAGE = Path(__file__).parents[1]
# The page loads nothing from elsewhere, and no other page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build(classifier: Classifier, host: str) -> Starlette:
    """Returns the application: `GET /` is the page, `POST /read` takes the bytes of a picture file.

    `/read` returns an `answers.Answer`. Errors are `{"error": "one line"}`: status 413 for a picture that is
    too large, 422 for bytes that are no picture.

    Args:
        classifier: reads handwriting of 28x28 pixels.
        host: the host name that requests may use, besides localhost and addresses.
    """
    page = _page(classifier.name)
    # One picture at a time: the network uses all cores, and a large photograph needs a gigabyte.
    pool = ThreadPoolExecutor(1, "read")

    async def show(request: Request) -> HTMLResponse:  # noqa: ARG001, Starlette's signature
        return HTMLResponse(page, headers={"content-security-policy": _POLICY})

    async def read(request: Request) -> JSONResponse:
        picture = bytearray()
        try:
            async for chunk in request.stream():
                picture += chunk
                if len(picture) > images.MOST_BYTES:
                    most = images.MOST_BYTES >> 20
                    return refusal(
                        413,
                        f"expected a picture of at most {most} MiB, found a larger one; reduce it",
                    )
        except ClientDisconnect:
            return refusal(400, "expected a picture, found the beginning of one")
        answer = asyncio.get_running_loop().run_in_executor(
            pool, answers.answer, classifier, bytes(picture)
        )
        return JSONResponse(await answer)

    return Starlette(
        routes=[Route("/", show), Route("/read", read, methods=["POST"])],
        middleware=[Middleware(Guard, host=host)],
        exception_handlers={
            UserError: _on_user_error,
            HTTPException: _on_http_error,
            Exception: _on_failure,
        },
    )


def _page(name: str) -> str:
    """Returns the page, in the colours of the reports."""
    # By path: a PackageLoader imports the package `report` and Matplotlib with it.
    folders = [_PACKAGE / "demo" / "templates", _PACKAGE / "report" / "templates"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title="Write a word", name=name, most_bytes=images.MOST_BYTES
    )


async def _on_user_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    return refusal(422, str(error))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    line = f"{error.detail}: {request.method} {printable(request.scope['path'])}"
    return refusal(error.status_code, line, error.headers)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # The server closes the connection after this answer; the client must not reuse it.
    return refusal(
        500, "something went wrong here; the terminal says what", {"connection": "close"}
    )

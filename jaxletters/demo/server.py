"""The page on which letters are drawn and read, and the server behind it."""

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
# The page needs nothing but itself, and no other page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build(classifier: Classifier, host: str) -> Starlette:
    """Returns the application: `GET /` is the page, `POST /read` answers for it.

    `/read` takes the bytes of a picture file and answers as `answers.answer` does. Whatever else comes is
    answered by `{"error": "one line"}`: 413 for what is too large, 422 for what is no picture.

    Args:
        classifier: takes handwriting of 28x28 pixels.
        host: what the application is served on, which other names of the machine may not stand for.
    """
    page = _page(classifier.name)
    # One picture at a time: the network uses all cores, and a large photograph a gigabyte.
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
            UserError: _unread,
            HTTPException: _refused,
            Exception: _failed,
        },
    )


def _page(name: str) -> str:
    """Returns the page, in the colours of the reports."""
    # By path, because jinja2 would import the package of the reports, and Matplotlib with it.
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


async def _unread(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    return refusal(422, str(error))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    line = f"{error.detail}: {request.method} {printable(request.scope['path'])}"
    return refusal(error.status_code, line, error.headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # The server closes the connection after this, so nobody should ask on it again.
    return refusal(
        500, "something went wrong here; the terminal says what", {"connection": "close"}
    )
